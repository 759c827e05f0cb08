"""``manage.py operator_create``: a person who may open the console."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser

from accounts.choices import Role
from accounts.models import User
from accounts.services.people import create_operator
from hosting.management.door import HostingCommand
from hosting.services.validation import validated


class Command(HostingCommand):
    """Add an operator."""

    help = "Add a person who may open the console. The password is read with --password-stdin or made and shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who."""
        super().add_arguments(parser)
        parser.add_argument("email")
        parser.add_argument("--role", choices=[Role.ADMIN.value, Role.SUPPORT.value], default=Role.ADMIN.value)
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def act(self, options: dict[str, Any]) -> int:
        """Add the person."""
        given = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        password = given or secrets.token_urlsafe(15)
        with validated():
            user: User = create_operator(
                actor=self.actor, email=options["email"], password=password, role=options["role"]
            )
        shown = {} if given else {"password": password}
        note = "" if given else f"\nPassword (shown once): {password}"
        self.show({"email": user.email, "role": user.role, **shown}, f"{user.email} may open the console.{note}")
        return 0
