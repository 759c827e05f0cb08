"""``manage.py database_create``: a database and its account."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.passwords import PasswordCommand
from hosting.models import Operation
from hosting.services.databases import create_database_with_user


class Command(PasswordCommand):
    """Add a database with an account of the same name."""

    help = "Add a database and an account with all rights on it; its password is made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and how it is called."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("name", help="with or without the service's user name in front")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for both at once."""
        service = self.service(options["username"])
        name = str(options["name"]).strip().lower().removeprefix(f"{service.username}_")
        self.account = f"{service.username}_{name}"
        return create_database_with_user(
            actor=self.actor,
            service=service,
            name=name,
            password=self.choose_password(options),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
