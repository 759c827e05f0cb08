"""``manage.py drill``: a game day. Breaks a lab node for real and measures until people have mended it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hosting.models import Node


class Command(BaseCommand):
    """Break a lab node and wait until somebody has mended it."""

    help = "Break a node of the lab and measure until it is mended. Development only; see docs/how-to/game-day.md."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which fault, where, for how long."""
        parser.add_argument("name", help="nginx-down, dns-down, node-down, …")
        parser.add_argument("--node", required=True, help="a node of the lab, by its name in the panel")
        parser.add_argument("--minutes", type=float, default=15.0, help="then the fault is taken back (15)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse, ask, play, tell."""
        day = self._prepare(options)
        if not self._confirmed(options):
            raise CommandError("Nothing was broken.", returncode=2)
        outcome, seconds = day.play(options["minutes"], self._tell)
        self.stdout.write(f"{outcome} after {seconds / 60:.0f} min {seconds % 60:.0f} s (runbook: {day.fault.page})")
        if outcome != "mended":
            raise CommandError("The fault was taken back.")

    def _prepare(self, options: dict[str, Any]) -> Any:
        if settings.NPANEL_ENVIRONMENT != "development":
            raise CommandError("Drills break things: they are for development only.")
        try:
            from tests.drills.game_day import GameDay
            from tests.lab.errors import LabError
        except ImportError as error:
            raise CommandError(f"Drills are part of the checkout, not of an installation ({error}).") from error
        node = Node.objects.filter(name=options["node"]).first()
        if node is None:
            raise CommandError(f"There is no node {options['node']}.")
        try:
            return GameDay(options["name"], node)
        except (LabError, LookupError) as error:
            raise CommandError(str(error)) from error

    def _confirmed(self, options: dict[str, Any]) -> bool:
        self.stdout.write(f"This breaks {options['node']} for real. Its sites may stop until it is mended.")
        self.stdout.write(f"Type {options['node']} to go on: ", ending="")
        self.stdout.flush()
        try:
            return input() == options["node"]
        except EOFError:
            return False

    def _tell(self, text: str) -> None:
        self.stdout.write(f"{text} Now: the runbook. Ctrl-C gives up and takes the fault back.")
        self.stdout.flush()
