"""``manage.py ssh_access``: what the keys of a service open, and which there are."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import SshMode
from hosting.management.door import OperationCommand
from hosting.models import HostingService, Operation
from hosting.services.ssh import set_ssh_access


class Command(OperationCommand):
    """Show or change the SSH access of a service."""

    help = "Show who signs in to a service over SSH; with a mode, change what the keys open."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("mode", nargs="?", choices=SshMode.values, help="none keeps the keys and opens nothing")

    def act(self, options: dict[str, Any]) -> int:
        """Show it, or ask for the change."""
        if options["mode"]:
            return super().act(options)
        service = self.service(options["username"])
        self.show(_facts(service), _shown(service))
        return 0

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return set_ssh_access(
            actor=self.actor,
            service=self.service(options["username"]),
            mode=options["mode"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )


def _facts(service: HostingService) -> dict[str, Any]:
    keys = [{"fingerprint": key.fingerprint, "type": key.type, "name": key.comment} for key in service.ssh_keys.all()]
    return {"service": service.username, "mode": service.ssh_mode, "keys": keys}


def _shown(service: HostingService) -> str:
    lines = [f"{key.fingerprint} {key.type} {key.comment}".rstrip() for key in service.ssh_keys.all()]
    return "\n".join([f"{service.username}: {service.ssh_mode}", *lines])
