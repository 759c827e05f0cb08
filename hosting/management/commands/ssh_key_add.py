"""``manage.py ssh_key_add``: one more key that signs in to a service."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from hosting.errors import HostingError
from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.ssh import add_ssh_key
from hosting.texts import N_


class Command(OperationCommand):
    """Add a public key."""

    help = "Let one more public key sign in to a service, read from a file or from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and which."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("file", help="the file that ends in .pub; - for standard input")
        parser.add_argument("--name", default="", help="what people call it (default: the words at its end)")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return add_ssh_key(
            actor=self.actor,
            service=self.service(options["username"]),
            key=_text(options["file"]),
            name=options["name"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HostingError(
            N_("%(name)s can't be read.", name=name), code="not_found", hint=N_("Name the file that ends in .pub.")
        ) from error
