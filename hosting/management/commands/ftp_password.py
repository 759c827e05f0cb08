"""``manage.py ftp_password``: another password for an FTP account."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.ftp import ftp_account
from hosting.management.passwords import PasswordCommand
from hosting.models import Operation
from hosting.services.ftp_accounts import set_ftp_password


class Command(PasswordCommand):
    """Give an FTP account another password."""

    help = "Give an FTP account another password, read with --password-stdin or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one."""
        super().add_arguments(parser)
        parser.add_argument("account", help="its full name, e.g. shop_web")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        account = ftp_account(self, options["account"])
        self.account = account.name
        return set_ftp_password(
            actor=self.actor,
            account=account,
            password=self.choose_password(options),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
