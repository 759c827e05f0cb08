"""``manage.py ftp_create``: an FTP account."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.passwords import PasswordCommand
from hosting.models import Operation
from hosting.services.ftp_accounts import create_ftp_account
from hosting.state.ftp import ftp_name


class Command(PasswordCommand):
    """Add an FTP account."""

    help = "Add an FTP account; its password is read with --password-stdin, or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """For whom, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("username", help="the service's user name")
        parser.add_argument("name", help="what is put behind the user name and an underscore")
        parser.add_argument("--folder", default="", help="relative to the home; left out, all of it")
        parser.add_argument("--quota-mb", type=int, default=0, help="space in MiB, 0 for no limit of its own (default)")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        service = self.service(options["username"])
        self.account = ftp_name(service.username, options["name"])
        return create_ftp_account(
            actor=self.actor,
            service=service,
            name=self.account,
            password=self.choose_password(options),
            folder=options["folder"],
            quota_mb=options["quota_mb"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
