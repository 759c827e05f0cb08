"""``manage.py operator_reset_2fa``: for an operator who lost app, passkey and codes."""

from typing import Any

from django.core.management.base import CommandParser

from accounts.models import User
from accounts.services.sessions import reset_second_factor
from hosting.management.door import HostingCommand


class Command(HostingCommand):
    """Take an operator's second factors away, so that they can sign in by password and add new ones."""

    help = "Remove all second factors of a person; open sessions of theirs end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose."""
        super().add_arguments(parser)
        parser.add_argument("email")

    def act(self, options: dict[str, Any]) -> int:
        """Remove them."""
        user = self.find(User, "operator_create", email=options["email"].strip().lower())
        count = reset_second_factor(actor=self.actor, user=user)
        self.show({"email": user.email, "removed": count}, f"{user.email} has no second factor any more.")
        return 0
