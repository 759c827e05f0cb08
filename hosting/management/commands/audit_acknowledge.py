"""``manage.py audit_acknowledge``: says what was found out about a break of the audit log, signed."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import actor_from_terminal
from audit.breaks import BreakRefused, acknowledge
from audit.verifying import Bad, verify


class Command(BaseCommand):
    """Needs the sealer's key, so it runs as the sealer's user."""

    help = (
        "Acknowledge the break that audit_verify names, signed with the sealer's key: the verifier goes on past it, and"
        " the event stays as it is. Exit status: 0 sound otherwise, 1 refused, 2 there is another break."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and why."""
        parser.add_argument("event", help="the event's id, as audit_verify names it")
        parser.add_argument("--reason", required=True, help="what was found out; kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, acknowledge, verify again."""
        bad = verify().bad
        if bad is None or bad.uid != options["event"].replace("-", ""):
            raise CommandError(self._another(bad))
        try:
            acknowledge(actor=actor_from_terminal(), bad=bad, reason=options["reason"])
        except (BreakRefused, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Acknowledged: {bad.text}")
        rest = verify().bad
        if rest is not None:
            self.stdout.write(f"not sound, {rest.what}: {rest.text}")
            sys.exit(2)
        self.stdout.write("Apart from what is acknowledged, the record is sound.")

    @staticmethod
    def _another(bad: Bad | None) -> str:
        return f"The first break is another one: {bad.text}" if bad else "There is no break to acknowledge."
