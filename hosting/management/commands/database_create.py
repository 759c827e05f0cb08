"""``manage.py database_create``: a database and its account."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import OperationState
from hosting.management.door import OperationCommand, describe, report_text
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
        if options["plan_only"]:
            return super().act({**options, "yes": False})
        operation = self._drive(self.request(options, wait_for_approval=False), options["timeout"])
        if operation.state != OperationState.SUCCEEDED:
            return self._report(operation)
        given = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        return self._add_account(options, given or secrets.token_urlsafe(18), shown=not given)

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the database."""
        return create_database(
            actor=self.actor,
            service=self.service(options["username"]),
            name=options["name"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )

    def _add_account(self, options: dict[str, Any], password: str, *, shown: bool) -> int:
        service = self.service(options["username"])
        name = str(options["name"]).strip().lower().removeprefix(f"{service.username}_")
        database = self.find(Database, "database_create", service=service, name=f"{service.username}_{name}")
        operation = create_database_user(
            actor=self.actor, service=service, name=name, password=password, databases=[database]
        )
        operation = self._drive(operation, options["timeout"])
        if not shown or operation.state != OperationState.SUCCEEDED:
            return self._report(operation)
        text = f"{report_text(operation)}\nPassword of {database.name} (shown once): {password}"
        self.show({**describe(operation), "password": password}, text)
        return 0
