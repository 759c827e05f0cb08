"""``manage.py retention``: archive what is no longer hot and delete old archives, or say what would be done."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from hosting.management.door import HostingCommand
from observability import retention
from observability.archive import ArchiveError, ArchiveStore
from observability.disk_use import Use, disk_use
from observability.models.retention import RetentionRun
from observability.retained import Kind, RetentionRefused, get_kind, kinds

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Command(HostingCommand):
    """Run retention over one kind of record, or over all."""

    help = "Archive what is no longer hot and delete archives that are old enough; --dry-run only says what."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which kind, and what to do."""
        super().add_arguments(parser)
        parser.add_argument("kind", nargs="?", default="", help="app, operations, … (default: all)")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--dry-run", action="store_true", help="say what would be archived and deleted")
        choice.add_argument("--usage", action="store_true", help="measured disk use, by day and by year")
        choice.add_argument("--verify", action="store_true", help="read every archive and compare it with its manifest")
        parser.add_argument("--trust-clock", action="store_true", help="run although the last run is far away")

    def act(self, options: dict[str, Any]) -> int:
        """Do one of the four."""
        try:
            chosen = [get_kind(options["kind"])] if options["kind"] else kinds()
        except KeyError as error:
            names = ", ".join(kind.name for kind in kinds())
            raise CommandError(f"There is no kind {options['kind']}; {names} are.") from error
        try:
            if options["dry_run"]:
                return self._dry_run(chosen)
            if options["usage"]:
                return self._usage(chosen)
            return self._verify(chosen) if options["verify"] else self._run(chosen, options["trust_clock"])
        except (RetentionRefused, ArchiveError) as error:
            raise CommandError(str(error)) from error

    def _run(self, chosen: list[Kind], trust_clock: bool) -> int:
        rows = [retention.run(kind, actor=self.actor, trust_clock=trust_clock) for kind in chosen]
        self.show({"runs": [_facts(row) for row in rows]}, "\n".join(_said(row) for row in rows))
        return 0

    def _dry_run(self, chosen: list[Kind]) -> int:
        store, now = ArchiveStore(), timezone.now()
        found = [step for kind in chosen for step in kind.plan(store, now)]
        lines = [f"{step.action:<8} {step.name:<60} {step.lines:>9} lines {_size(step.bytes):>12}" for step in found]
        self.show({"steps": [asdict(step) for step in found]}, "\n".join(lines) or "Nothing is due.")
        return 0

    def _usage(self, chosen: list[Kind]) -> int:
        wanted = {kind.name for kind in chosen}
        uses = [use for use in disk_use(timezone.now().date()) if use.kind in wanted]
        self.show({"usage": [asdict(use) for use in uses]}, "\n".join(map(_row, uses)))
        return 0

    def _verify(self, chosen: list[Kind]) -> int:
        store, checked, bad = ArchiveStore(), 0, []
        for kind in chosen:
            for manifest in store.manifests(kind.name):
                if manifest.deleted_at:
                    continue
                checked += 1
                try:
                    store.verify(manifest.name)
                except ArchiveError as error:
                    bad.append(str(error))
        self.show({"checked": checked, "bad": bad}, "\n".join([*bad, f"{checked} archives checked, {len(bad)} bad."]))
        return 1 if bad else 0


def _facts(row: RetentionRun) -> dict[str, Any]:
    names = ("kind", "state", "archived", "lines", "bytes", "deleted", "started_at", "finished_at")
    return {name: getattr(row, name) for name in names}


def _said(row: RetentionRun) -> str:
    archived = f"{row.archived} archived ({row.lines} lines, {_size(row.bytes)})"
    return f"{row.kind}: {archived}, {row.deleted} archives deleted."


def _row(use: Use) -> str:
    return (
        f"{use.kind:<12} hot {_size(use.hot_bytes)}, archived {_size(use.archived_bytes)}; "
        f"measured over {use.days} days: {_size(use.bytes_per_day)} a day, {_size(use.written_per_year)} a year, "
        f"at most {_size(use.kept_at_most)} kept"
    )


def _size(value: float | None) -> str:
    if value is None:
        return "not measured yet"
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""
