"""Proves the audit record: exit status 0 sound, 2 not."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit.verifying import Verdict, verify


class Command(BaseCommand):
    """``manage.py audit_verify [--incremental] [--json]``."""

    help = "Verify the chain of audit events and name the first bad one. Exit status: 0 sound, 2 not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--incremental", action="store_true", help="begin where the last sound verification ended")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify(incremental=options["incremental"])
        if options["json"]:
            self.stdout.write(json.dumps(verdict.as_dict(), indent=2))
        else:
            self._tell(verdict)
        if verdict.bad is not None:
            sys.exit(2)

    def _tell(self, verdict: Verdict) -> None:
        bad = verdict.bad
        if bad is None:
            known = f", {verdict.known} acknowledged breaks" if verdict.known else ""
            self.stdout.write(
                f"sound: {verdict.events} events{known}, the last seal is {verdict.size} {verdict.head[:16]}"
            )
            return
        self.stdout.write(f"not sound, {bad.what}: {bad.text}")
        for label, value in (("seal", bad.seq), ("event", bad.uid), ("verb", bad.verb), ("time", bad.at)):
            if value:
                self.stdout.write(f"  {label}: {value}")
