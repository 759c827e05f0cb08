"""``manage.py operation_confirm``: confirm a governed operation, or have its token made anew."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.errors import HostingError
from hosting.management.door import OperationCommand, describe, given_token, intent_text, plan_text
from hosting.models import Operation
from hosting.services.intents import prepare_again
from hosting.texts import N_


class Command(OperationCommand):
    """Confirm a governed operation."""

    help = "Confirm a governed operation with the token that was shown with its plan, and wait for its end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and the token."""
        super().add_arguments(parser)
        parser.add_argument("operation", help="UUID")
        parser.add_argument("token", nargs="?", default="", help="as it was shown; - reads it from standard input")
        parser.add_argument("--again", action="store_true", help="show the plan again with a new token")

    def act(self, options: dict[str, Any]) -> int:
        """Confirm it, or show it again."""
        operation = self.find(Operation, "service_plan", pk=options["operation"])
        if not options["again"]:
            return self._confirm(operation, self._given(options), options)
        token = prepare_again(actor=self.actor, operation=operation)
        text = f"{plan_text(operation)}\n{intent_text(operation)}\nToken {token}"
        self.show({**describe(operation), "token": token}, text)
        return 2

    def _given(self, options: dict[str, Any]) -> str:
        if not options["token"]:
            raise HostingError(
                N_("A token is needed."), code="wrong_token", hint=N_("--again shows the plan with a new one.")
            )
        return given_token(options["token"])
