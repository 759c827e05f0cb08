"""What commands that set a database password share: where it comes from, and that a made one is never lost."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.management.door import OperationCommand, describe, report_text
from hosting.models import Operation
from hosting.texts import N_


class PasswordCommand(OperationCommand):
    """A command whose operation sets a password, read from standard input or made and shown once."""

    #: Full name of the account; :meth:`request` sets it.
    account = ""
    _made = ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the password comes from."""
        super().add_arguments(parser)
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def choose_password(self, options: dict[str, Any]) -> str:
        """The given password, else a new one. Call it once the rest is known to be right and nothing is saved yet.

        Raises:
            HostingError: ``needs_yes``: a made password would be saved with a plan that nobody here can agree to, and
                would be lost when this command ends; ``weak_password``: standard input has none.
        """
        if options["password_stdin"]:
            return self._given()
        asks = not options["yes"] and not options["plan_only"]
        if asks and (self.as_json or not sys.stdin.isatty()):
            raise HostingError(
                N_("A made password can't be shown when the plan is approved elsewhere."),
                code="needs_yes",
                hint=N_("Add --yes, or give the password with --password-stdin."),
            )
        self._made = secrets.token_urlsafe(18)
        return self._made

    @staticmethod
    def _given() -> str:
        given = sys.stdin.readline().rstrip("\n")
        if not given:
            raise HostingError(
                N_("There is no password on standard input."),
                code="weak_password",
                hint=N_("Write it as one line, or leave --password-stdin out to have one made."),
                field="password",
            )
        return given

    def _report(self, operation: Operation) -> int:
        """The end; with a made password if it is in force, or will be once the operation gets its turn."""
        succeeded = operation.state == OperationState.SUCCEEDED
        if not self._made or (operation.is_final and not succeeded):
            return super()._report(operation)
        when = "shown once" if succeeded else "shown once; in force when the operation has succeeded"
        text = f"{report_text(operation)}\nPassword of {self.account} ({when}): {self._made}"
        self.show({**describe(operation), "password": self._made}, text)
        return 0 if succeeded else 1
