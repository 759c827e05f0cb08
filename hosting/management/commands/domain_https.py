"""``manage.py domain_https``: send visitors to HTTPS, and have browsers insist on it."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.certificates import domain_of
from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.certificates import change_https

_SWITCH = {"on": True, "off": False, None: None}


class Command(OperationCommand):
    """Switch redirect and HSTS."""

    help = "Switch the redirect to HTTPS and HSTS of a domain on or off; what is not named stays."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which domain, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("domain")
        parser.add_argument("--redirect", choices=("on", "off"), help="send visitors to HTTPS")
        parser.add_argument("--hsts", choices=("on", "off"), help="have browsers insist on HTTPS for a year")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return change_https(
            actor=self.actor,
            domain=domain_of(self, options["domain"]),
            redirect=_SWITCH[options["redirect"]],
            hsts=_SWITCH[options["hsts"]],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
