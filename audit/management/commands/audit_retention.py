"""Archives past days of the audit record and lets go what is old enough: exit status 0 done, 2 refused or damaged."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit.archives import SegmentDamaged
from audit.sealing import SealerBusy
from audit.segments import RetentionRefused, retain
from audit.triggers import missing_triggers
from observability.archive import ArchiveError


class Command(BaseCommand):
    """``manage.py audit_retention [--dry-run] [--json]``."""

    help = (
        "Archive sealed days and remove what is old enough. Exit status: 0 done, 2 refused, or an archive is damaged."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        missing = missing_triggers(connection)
        if missing:
            raise CommandError(f"Triggers are missing: {', '.join(missing)}. Nothing was removed.", returncode=2)
        try:
            steps = retain(dry_run=options["dry_run"])
        except (RetentionRefused, ArchiveError, SegmentDamaged, SealerBusy) as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps([{"action": s.action, "day": str(s.day), "count": s.count} for s in steps]))
            return
        for step in steps:
            self.stdout.write(f"{step.action:8} {step.day} {step.count:>9} events {step.note}".rstrip())
        if not steps:
            self.stdout.write("nothing to do")
