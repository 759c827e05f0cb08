"""``manage.py mailbox_create``: a mailbox."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.mail import mail_of_domain
from hosting.management.passwords import PasswordCommand
from hosting.models import Operation
from hosting.services.mailboxes import create_mailbox


class Command(PasswordCommand):
    """Add a mailbox."""

    help = "Add a mailbox; its password is read with --password-stdin, or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("address", help="name@domain")
        parser.add_argument("--quota-mb", type=int, default=1024, help="space in MiB, 0 for no limit (default 1024)")
        parser.add_argument("--sends-per-hour", type=int, default=100, help="recipients an hour, 0 for no limit")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        self.account = options["address"].lower()
        name, _at, domain = self.account.rpartition("@")
        return create_mailbox(
            actor=self.actor,
            mail=mail_of_domain(self, domain),
            local_part=name,
            password=self.choose_password(options),
            quota_mb=options["quota_mb"],
            sends_per_hour=options["sends_per_hour"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
