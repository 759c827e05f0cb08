"""``manage.py database_password``: another password for a database account."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.passwords import PasswordCommand
from hosting.models import DatabaseUser, Operation
from hosting.services.databases import set_password


class Command(PasswordCommand):
    """Give a database account another password."""

    help = "Give a database account another password, read with --password-stdin or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account."""
        super().add_arguments(parser)
        parser.add_argument("account", help="its full name, as the database's")
        parser.add_argument("--host", default="localhost", help="where it connects from (default localhost)")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the change."""
        user = self.find(DatabaseUser, "database_create", name=options["account"], host=options["host"])
        self.account = user.name
        return set_password(
            actor=self.actor,
            user=user,
            password=self.choose_password(options),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
