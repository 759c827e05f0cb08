"""``manage.py database_password``: another password for a database account."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import DatabaseUser, Operation
from hosting.services.databases import set_password


class Command(OperationCommand):
    """Give a database account another password."""

    help = "Give a database account another password, read with --password-stdin or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account."""
        super().add_arguments(parser)
        parser.add_argument("account", help="its full name, as the database's")
        parser.add_argument("--host", default="localhost", help="where it connects from (default localhost)")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def act(self, options: dict[str, Any]) -> int:
        """Set it; a made one is shown when it is in force."""
        given = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        self._password = given or secrets.token_urlsafe(18)
        status = super().act(options)
        if not given and not status:
            self.say(f"Password of {options['account']} (shown once): {self._password}")
        return status

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the change."""
        user = self.find(DatabaseUser, "database_create", name=options["account"], host=options["host"])
        return set_password(
            actor=self.actor,
            user=user,
            password=self._password,
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
