"""``manage.py ftp_delete``: the end of an FTP account."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.management.ftp import ftp_account
from hosting.models import Operation
from hosting.services.ftp_accounts import delete_ftp_account


class Command(OperationCommand):
    """Delete an FTP account."""

    help = "Delete an FTP account; the files that were uploaded with it stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one."""
        super().add_arguments(parser)
        parser.add_argument("account", help="its full name, e.g. shop_web")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return delete_ftp_account(
            actor=self.actor,
            account=ftp_account(self, options["account"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
