"""Exports audit events, hot and archived: exit status 0 found, 1 nothing found, 2 an archive can't be read."""

import csv
import datetime
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.archives import SegmentDamaged
from audit.canonical import COLUMNS
from audit.exporting import Wanted, read
from observability.archive import ArchiveError

#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Command(BaseCommand):
    """``manage.py audit_export [--format csv|jsonl] [filters]``."""

    help = "Write audit events as CSV or JSON lines. Exit status: 0 found, 1 nothing found, 2 an archive can't be read."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=("csv", "jsonl"), default="jsonl")
        parser.add_argument("--since", type=_moment, help="2026-01-31 or 2026-01-31T10:20, UTC")
        parser.add_argument("--until", type=_moment, help="likewise; this moment excluded")
        parser.add_argument("--actor", default="", help="the login")
        parser.add_argument("--target", default="", help="the name, or type:id")
        parser.add_argument("--verb", default="", help="the verb, or its beginning and *")
        parser.add_argument("--trace", default="", help="the trace id")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("since", "until", "actor", "target", "verb", "trace")
        rows = read(Wanted(**{name: options[name] for name in names}))
        try:
            count = self._csv(rows) if options["format"] == "csv" else self._jsonl(rows)
        except (ArchiveError, SegmentDamaged) as error:
            raise CommandError(str(error), returncode=2) from error
        if not count:
            sys.exit(1)

    def _jsonl(self, rows: Any) -> int:
        count = 0
        for row in rows:
            states = {name: json.loads(row[name]) if isinstance(row[name], str) else row[name] for name in _STATES}
            self.stdout.write(json.dumps({**row, **states}, ensure_ascii=False))
            count += 1
        return count

    def _csv(self, rows: Any) -> int:
        writer = csv.writer(self.stdout)
        writer.writerow(COLUMNS)
        count = 0
        for row in rows:
            writer.writerow([_cell(row[name]) for name in COLUMNS])
            count += 1
        return count


_STATES = ("before", "after")


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _moment(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
