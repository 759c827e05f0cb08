"""``manage.py token_revoke``: end an API token now."""

from typing import Any

from django.core.management.base import CommandParser

from accounts.models import ApiToken
from accounts.services.tokens import revoke_token
from hosting.management.door import HostingCommand


class Command(HostingCommand):
    """Revoke an API token."""

    help = "Revoke an API token, whoever's it is."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which."""
        super().add_arguments(parser)
        parser.add_argument("prefix", help="the letters between np_ and the next _")

    def act(self, options: dict[str, Any]) -> int:
        """Revoke it."""
        token = self.find(ApiToken, "token_create", prefix=options["prefix"])
        revoke_token(actor=self.actor, token=token)
        self.show({"revoked": token.prefix}, f"The token {token.name} ({token.prefix}) is revoked.")
        return 0
