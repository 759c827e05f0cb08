"""The console's page on health: what is up, degraded and down, since when, what it means and what to do."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from observability.health import history
from observability.health.base import Check, Status
from observability.health.history import Slot
from observability.health.runner import discover
from observability.models.health import HealthPeriod

#: Rows that are well are shown up to this many; those that are not, all the same.
WELL_SHOWN = 200
UNWELL_SHOWN = 500
_TONES = {Status.UP.value: "good", Status.DEGRADED.value: "warn", Status.DOWN.value: "bad"}
_ICONS = {Status.UP.value: "circle-check", Status.DEGRADED.value: "triangle-alert", Status.DOWN.value: "circle-x"}


@dataclass(frozen=True, slots=True)
class Row:
    """One check of one target, as people read it."""

    name: str
    title: str
    node: str
    status: str
    status_label: str
    tone: str
    icon: str
    summary: str
    means: str
    advice: str
    since: datetime
    duration_ms: float
    runbook: str
    runbook_url: str
    slots: tuple[Slot, ...]
    story: str


def health_page() -> dict[str, Any]:
    """Everything the page shows."""
    periods = history.current()
    unwell = sorted((row for row in periods if row.status != Status.UP), key=lambda row: -Status(row.status).severity)
    well = [row for row in periods if row.status == Status.UP]
    shown = [*unwell[:UNWELL_SHOWN], *well[:WELL_SHOWN]]
    strips = history.strips(shown)
    known = discover()
    rows = [_row(row, known.get(row.check_name), strips) for row in shown]
    counts = {status: sum(row.status == status for row in periods) for status in Status}
    return {
        "headline": _headline(counts, len(periods)),
        "tone": "bad" if counts[Status.DOWN] else "warn" if counts[Status.DEGRADED] else "good",
        "rows": rows,
        "unwell": [row for row in rows if row.status != Status.UP],
        "well": [row for row in rows if row.status == Status.UP],
        "left_out": len(periods) - len(shown),
        "looked_at": history.last_look(),
        "version": _version(periods),
    }


def _headline(counts: dict[Status, int], total: int) -> str:
    if not total:
        return _("Nobody is looking")
    parts = []
    if down := counts[Status.DOWN]:
        parts.append(ngettext("%d check is down", "%d checks are down", down) % down)
    if degraded := counts[Status.DEGRADED]:
        parts.append(ngettext("%d check is degraded", "%d checks are degraded", degraded) % degraded)
    return ", ".join(parts) or ngettext("%d check, and it is up", "All %d checks are up", total) % total


def _row(row: HealthPeriod, check: Check | None, strips: dict[tuple[str, str], list[Slot]]) -> Row:
    slots = tuple(strips.get((row.check_name, row.node), ()))
    runbook = check.runbook if check else ""
    return Row(
        name=row.check_name,
        title=str(check.title) if check else row.check_name,
        node=row.node,
        status=row.status,
        status_label=str(row.get_status_display()),
        tone=_TONES[row.status],
        icon=_ICONS[row.status],
        summary=row.summary,
        means=str(check.means) if check else "",
        advice=row.advice,
        since=row.began_at,
        duration_ms=row.duration_ms,
        runbook=runbook,
        runbook_url=_runbook_url(runbook),
        slots=slots,
        story=_story(slots),
    )


def _runbook_url(page: str) -> str:
    """Where the console shows a page of the runbook ("": it shows none)."""
    try:
        return reverse("admin:runbook_page", args=[page]) if page else ""
    except NoReverseMatch:
        return ""


def _story(slots: Sequence[Slot]) -> str:
    """The strip in words, for those who can't see it."""
    seen = [slot for slot in slots if slot.status]
    bad = _spans(slot for slot in seen if slot.status == Status.DOWN)
    weak = _spans(slot for slot in seen if slot.status == Status.DEGRADED)
    if not seen:
        return _("Last 24 hours: nobody looked")
    if not bad and not weak:
        return _("Last 24 hours: up whenever it was looked at")
    parts = [_("down about %s") % bad] if bad else []
    parts += [_("degraded about %s") % weak] if weak else []
    return _("Last 24 hours: %s") % ", ".join(parts)


def _spans(slots: Iterable[Slot]) -> str:
    times = [f"{slot.began:%H:%M}" for slot in slots]
    return ", ".join(times[:6]) + (" …" if len(times) > 6 else "")


def _version(periods: Iterable[HealthPeriod]) -> str:
    told = [(row.pk, row.status, row.summary) for row in periods]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
