"""``manage.py ftp_change``: an FTP account's folder, limit or lock."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.management.ftp import ftp_account
from hosting.models import Operation
from hosting.services.ftp_accounts import change_ftp_account, resume_ftp_account, suspend_ftp_account


class Command(OperationCommand):
    """Change, lock or open an FTP account."""

    help = "Change an FTP account's folder or limit; or lock or open it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("account", help="its full name, e.g. shop_web")
        parser.add_argument("--folder", help="relative to the home; empty for all of it")
        parser.add_argument("--quota-mb", type=int, help="space in MiB, 0 for no limit of its own")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--suspend", action="store_true", help="nobody signs in with it")
        what.add_argument("--resume", action="store_true", help="open it again")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        common = {"actor": self.actor, "wait_for_approval": wait_for_approval, "reason": options["reason"]}
        account = ftp_account(self, options["account"])
        for name, function in (("suspend", suspend_ftp_account), ("resume", resume_ftp_account)):
            if options[name]:
                return function(account=account, **common)
        return change_ftp_account(account=account, folder=options["folder"], quota_mb=options["quota_mb"], **common)
