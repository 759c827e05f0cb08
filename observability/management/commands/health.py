"""Runs the health checks: exit status 0 up, 1 degraded, 2 down (or a name that does not exist)."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from observability.health.base import Status
from observability.health.runner import HealthReport, UnknownCheck, run_checks

_COLOURS = {Status.UP: "green", Status.DEGRADED: "yellow", Status.DOWN: "red"}


class Command(BaseCommand):
    """``manage.py health [CHECK …] [--json] [--node N]``."""

    help = "Check database, disk, memory, nodes, DNS and queue. Exit status: 0 up, 1 degraded, 2 down."
    requires_system_checks: list[str] = []  # it must answer exactly when something is broken

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checks", nargs="*", metavar="CHECK", help="names of checks (default: all)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--node", default="", help="only what concerns this node")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = run_checks(options["checks"], options["node"])
        except UnknownCheck as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        elif self.stdout.isatty():
            Console(file=sys.stdout).print(_table(report))
        else:
            self._print_plain(report)
        if report.exit_code:
            sys.exit(report.exit_code)

    def _print_plain(self, report: HealthReport) -> None:
        for entry in report.as_dict()["checks"]:
            name = f"{entry['check']} {entry['node']}".strip()
            self.stdout.write(f"{entry['status']:<9} {name:<28} {entry['duration_ms']:>8.1f} ms  {entry['summary']}")
            if entry["advice"]:
                self.stdout.write(f"{'':<10}-> {entry['advice']}")
        self.stdout.write(f"overall: {report.status}")


def _table(report: HealthReport) -> Table:
    table = Table(title=f"NPanel is {report.status}", title_justify="left")
    for heading, justify in (("check", "left"), ("node", "left"), ("status", "left"), ("ms", "right"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for line in report.reports:
        entry = line.as_dict()
        colour = _COLOURS[line.result.status]
        text = "\n".join(part for part in (entry["summary"], entry["advice"]) if part)
        cells = (entry["check"], entry["node"], Text(entry["status"], style=colour), f"{entry['duration_ms']:.0f}")
        table.add_row(*cells, Text(text))
    return table
