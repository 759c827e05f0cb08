"""``manage.py operator_password``: another password for a person."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser

from accounts.models import User
from accounts.services.people import set_operator_password
from hosting.management.door import HostingCommand
from hosting.services.validation import validated


class Command(HostingCommand):
    """Give an operator another password."""

    help = "Give a person who may open the console another password; open sessions of theirs end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose."""
        super().add_arguments(parser)
        parser.add_argument("email")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def act(self, options: dict[str, Any]) -> int:
        """Set it; a made one is shown."""
        given = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        password = given or secrets.token_urlsafe(15)
        user = self.find(User, "operator_create", email=options["email"].strip().lower())
        with validated():
            set_operator_password(actor=self.actor, user=user, password=password)
        shown = {} if given else {"password": password}
        note = "" if given else f"\nPassword (shown once): {password}"
        self.show({"email": user.email, **shown}, f"{user.email} has another password.{note}")
        return 0
