"""``manage.py mailbox_password``: another password for a mailbox."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.mail import mailbox_at
from hosting.management.passwords import PasswordCommand
from hosting.models import Operation
from hosting.services.mailboxes import set_mailbox_password


class Command(PasswordCommand):
    """Give a mailbox another password."""

    help = "Give a mailbox another password, read with --password-stdin or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("address", help="name@domain")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        self.account = options["address"].lower()
        return set_mailbox_password(
            actor=self.actor,
            mailbox=mailbox_at(self, self.account),
            password=self.choose_password(options),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
