"""``manage.py token_create``: an API token for a person."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from accounts.models import User
from accounts.services.tokens import create_token
from hosting.management.door import HostingCommand
from hosting.services.validation import validated


class Command(HostingCommand):
    """Make an API token."""

    help = "Make an API token for a person; it never may more than they. It is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, what for, and for how long."""
        super().add_arguments(parser)
        parser.add_argument("email", help="whose token it is")
        parser.add_argument("name", help="what it is for")
        parser.add_argument("--scope", action="append", required=True, help="domain:write, *:read…; repeatable")
        parser.add_argument("--network", action="append", default=[], help="where it may be used from; repeatable")
        parser.add_argument("--days", type=int, default=90, help="its life, at most 365 (default 90)")

    def act(self, options: dict[str, Any]) -> int:
        """Make it and show it."""
        user = self.find(User, "operator_create", email=options["email"].strip().lower())
        with validated():
            row, text = create_token(
                actor=self.actor,
                user=user,
                name=options["name"],
                scopes=options["scope"],
                cidrs=options["network"],
                expires_in=timedelta(days=min(options["days"], 366)),
            )
        shown = {"token": text, "prefix": row.prefix, "scopes": row.scopes, "expires_at": row.expires_at}
        self.show(shown, f"Token (shown once): {text}\nIt ends on {row.expires_at:%Y-%m-%d}.")
        return 0
