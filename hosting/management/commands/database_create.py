"""``manage.py database_create``: a database and its account."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Database, Operation
from hosting.services.databases import create_database, create_database_user


class Command(OperationCommand):
    """Add a database with an account of the same name."""

    help = "Add a database and an account with all rights on it; its password is made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and how it is called."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("name", help="with or without the service's user name in front")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def act(self, options: dict[str, Any]) -> int:
        """Database first, then the account."""
        options = {**options, "yes": True}
        status = super().act(options)
        if status:
            return status
        given = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        password = given or secrets.token_urlsafe(18)
        service = self.service(options["username"])
        database = Database.objects.get(service=service, name__endswith=f"_{self._short(options)}")
        operation = create_database_user(
            actor=self.actor, service=service, name=options["name"], password=password, databases=[database]
        )
        status = self._report(self._drive(operation, options["timeout"]))
        if not given and not status:
            self.say(f"Password of {database.name} (shown once): {password}")
        return status

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the database."""
        return create_database(actor=self.actor, service=self.service(options["username"]), name=options["name"])

    def _short(self, options: dict[str, Any]) -> str:
        return str(options["name"]).strip().lower().removeprefix(f"{options['username']}_")
