"""Keeps what the checks said: a row for each change, refreshed once a minute, bounded by retention."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from observability.health.base import Status
from observability.health.runner import HealthReport, Report, run_checks
from observability.models.health import HealthPeriod
from observability.redaction import redact_text
from observability.transactions import retried

#: An answer that is the same is written again after so long.
REFRESH = datetime.timedelta(seconds=60)
#: An answer that nobody gave again for so long is not what the check says now.
FRESH = datetime.timedelta(seconds=150)
SLOTS = 48
STRIP = datetime.timedelta(hours=24)


def check_and_remember() -> None:
    """Run all checks and keep what they said (the worker's chore)."""
    remember(run_checks())


@retried
def remember(report: HealthReport) -> None:
    """Write what changed, and what has not been written for a minute."""
    now = timezone.now()
    known = {row.open_key: row for row in HealthPeriod.objects.exclude(open_key=None)}
    same, new = [], []
    for entry in report.reports:
        row = known.pop(_key(entry), None)
        if row is not None and row.status == entry.result.status and _is_fresh(row, now):
            if now - row.seen_at >= REFRESH:
                same.append(_tell(row, entry, now))
            continue
        if row is not None:
            _close(row, now)
        new.append(_tell(HealthPeriod(began_at=now, open_key=_key(entry)), entry, now))
    HealthPeriod.objects.bulk_update(same, ["summary", "advice", "duration_ms", "seen_at"], batch_size=200)
    HealthPeriod.objects.bulk_create(new, ignore_conflicts=True)
    _close_gone(known.values(), now)


def _key(entry: Report) -> str:
    return f"{entry.check}|{entry.node}"


def _tell(row: HealthPeriod, entry: Report, now: datetime.datetime) -> HealthPeriod:
    row.check_name, row.node, row.status = entry.check, entry.node, str(entry.result.status)
    row.summary, row.advice = redact_text(entry.result.summary)[:300], entry.result.advice[:300]
    row.duration_ms, row.seen_at = round(entry.seconds * 1000, 1), now
    return row


def _close(row: HealthPeriod, now: datetime.datetime) -> None:
    """It lasted until now, unless nobody looked for a while."""
    until = now if _is_fresh(row, now) else min(row.seen_at, now)
    HealthPeriod.objects.filter(pk=row.pk).update(open_key=None, seen_at=until)


def _close_gone(rows: Iterable[HealthPeriod], now: datetime.datetime) -> None:
    """Checks and nodes that are no more say nothing now."""
    for row in rows:
        if not _is_fresh(row, now):
            _close(row, now)


def _is_fresh(row: HealthPeriod, now: datetime.datetime) -> bool:
    """Whether somebody looked just now. What was seen in a time to come was seen before the clock was put back."""
    return abs(now - row.seen_at) < FRESH


def forget_old() -> int:
    """Delete periods that ended longer ago than the history is kept; returns how many."""
    before = timezone.now() - datetime.timedelta(days=settings.NPANEL_HEALTH_HISTORY_DAYS)
    return HealthPeriod.objects.filter(open_key=None, seen_at__lt=before).delete()[0]


def current() -> list[HealthPeriod]:
    """What the checks say now, by node and check. Empty when nobody has looked lately."""
    now = timezone.now()
    seen = HealthPeriod.objects.filter(seen_at__gte=now - FRESH, seen_at__lt=now + FRESH)
    return list(seen.exclude(open_key=None).order_by("node", "check_name"))


def as_dict(rows: Sequence[HealthPeriod]) -> dict[str, Any]:
    """The JSON form of /health, as that of a run, with since when each check says so."""
    worst = max((Status(row.status) for row in rows), key=lambda status: status.severity, default=Status.UP)
    checks = [
        {
            "check": row.check_name, "node": row.node, "status": row.status, "summary": row.summary,
            "advice": row.advice, "duration_ms": row.duration_ms, "details": {"since": row.began_at.isoformat()},
        }
        for row in rows
    ]  # fmt: skip
    return {"status": str(worst), "checks": checks}


def last_look() -> datetime.datetime | None:
    """When anything was last written; None when nothing ever was."""
    return HealthPeriod.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of a day: its place in the strip, when it began, and the worst status in it ("": nobody looked)."""

    place: int
    began: datetime.datetime
    status: str


def strips(rows: Sequence[HealthPeriod]) -> dict[tuple[str, str], list[Slot]]:
    """The last day of each (check, node) among ``rows``, in slots of half an hour."""
    now = timezone.now()
    start = now - STRIP
    pairs = {(row.check_name, row.node) for row in rows}
    names, nodes = {name for name, _ in pairs}, {node for _, node in pairs}
    periods: dict[tuple[str, str], list[HealthPeriod]] = {pair: [] for pair in pairs}
    for period in HealthPeriod.objects.filter(seen_at__gte=start, check_name__in=names, node__in=nodes):
        periods.get((period.check_name, period.node), []).append(period)
    return {pair: _slots(found, start) for pair, found in periods.items()}


def _slots(periods: Iterable[HealthPeriod], start: datetime.datetime) -> list[Slot]:
    length = STRIP / SLOTS
    worst: list[Status | None] = [None] * SLOTS
    for period in periods:
        first = max(0, int((period.began_at - start) / length))
        last = min(SLOTS - 1, int((period.seen_at - start) / length))
        for place in range(first, last + 1):
            before, status = worst[place], Status(period.status)
            worst[place] = status if before is None or status.severity > before.severity else before
    return [Slot(place, start + place * length, str(status or "")) for place, status in enumerate(worst)]
