"""Inserts spooled audit events: exit status 0 done, 1 some lines were rejected, 2 the database still refuses."""

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from audit import spool
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from audit.verbs import AUDIT_REPLAYED


class Command(BaseCommand):
    """``manage.py audit_replay``."""

    help = "Insert audit events that were spooled on local disk while the database could not take them."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        result = spool.replay()
        counts = asdict(result)
        self.stdout.write(", ".join(f"{name} {count}" for name, count in counts.items()))
        if result.inserted or result.rejected:
            record(
                verb=AUDIT_REPLAYED,
                actor=Actor.system("audit_replay"),
                target=Target("audit.spool", "spool", "spool"),
                outcome=Outcome.FAILED if result.rejected or result.waiting else Outcome.SUCCEEDED,
                after=counts,
            )
        if result.waiting or result.rejected:
            sys.exit(2 if result.waiting else 1)
