"""Says whether the audit table is still append-only: exit status 0 sound, 2 not."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from audit.actor import Actor
from audit.choices import Outcome
from audit.doctor import Finding, examine
from audit.record import Target, record
from audit.triggers import TABLE, install_triggers
from audit.verbs import AUDIT_REPAIRED
from observability.logging import get_logger
from observability.operations import AUDIT_DOCTOR


class Command(BaseCommand):
    """``manage.py audit_doctor [--repair] [--json]``."""

    help = "Verify triggers, foreign keys, columns and grants of the audit table. Exit status: 0 sound, 2 not."
    requires_system_checks: list[str] = []  # it is the check

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="re-create missing triggers first")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--database", default="default", help="the alias to examine")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["repair"]:
            _repair(options["database"])
        findings = examine(options["database"])
        failed = any(finding.is_error for finding in findings)
        get_logger(AUDIT_DOCTOR).log(
            40 if failed else 20, "audit examined", findings=[finding.code for finding in findings],
            status="failed" if failed else "success",
        )  # fmt: skip
        self._print(findings, failed, as_json=options["json"])
        if failed:
            sys.exit(2)

    def _print(self, findings: list[Finding], failed: bool, *, as_json: bool) -> None:
        if as_json:
            found = [finding.as_dict() for finding in findings]
            self.stdout.write(json.dumps({"sound": not failed, "findings": found}, indent=2))
            return
        for finding in findings:
            kind = "error" if finding.is_error else "warning"
            self.stdout.write(f"{finding.code} {kind}: {finding.message}\n  -> {finding.hint}")
        self.stdout.write("not sound" if failed else "sound: events can be added and read, nothing else")


def _repair(using: str) -> None:
    created = install_triggers(using)
    if created:
        actor = Actor.system("audit_doctor")
        with transaction.atomic(using=using):
            target = Target("audit.event", TABLE, TABLE)
            record(
                verb=AUDIT_REPAIRED, actor=actor, target=target, outcome=Outcome.SUCCEEDED,
                after={"triggers": created}, using=using,
            )  # fmt: skip
