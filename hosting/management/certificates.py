"""What the commands for certificates share: which domain is meant, and how a file is read."""

import sys
from pathlib import Path

from hosting.certificate_reader import MAX_TEXT
from hosting.errors import HostingError
from hosting.management.door import HostingCommand
from hosting.models import Domain
from hosting.texts import N_


def domain_of(command: HostingCommand, name: str) -> Domain:
    """A domain that is held.

    Raises:
        HostingError: ``not_found``.
    """
    return command.find(Domain, "service_create", name_key=name.strip().lower().rstrip("."))


def read_pem(name: str) -> str:
    """The text of a PEM file; ``-`` is standard input.

    Raises:
        HostingError: ``certificate_invalid``: there is no such file, or it is no text.
    """
    try:
        if name == "-":
            return sys.stdin.read(MAX_TEXT + 1)
        with Path(name).open(encoding="ascii", errors="replace") as file:
            return file.read(MAX_TEXT + 1)
    except OSError as error:
        raise HostingError(
            N_("%(name)s can't be read: %(error)s", name=name, error=error.strerror or error),
            code="certificate_invalid",
            hint=N_("Name a file in PEM form, or - for standard input."),
        ) from error
