"""``manage.py ssh_key_remove``: a key signs in no more."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation, SshKey
from hosting.services.ssh import remove_ssh_key


class Command(OperationCommand):
    """Remove a public key."""

    help = "Let a public key sign in to a service no more; sessions of the service end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and which."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("fingerprint", help="as ssh-keygen -l shows it: SHA256:…")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        service = self.service(options["username"])
        key = self.find(SshKey, "ssh_access", service=service, fingerprint=options["fingerprint"])
        return remove_ssh_key(actor=self.actor, key=key, wait_for_approval=wait_for_approval, reason=options["reason"])
