"""The console's page on performance: the last day of requests, operations and capacity, from own samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hosting.numbers import decimal
from hosting.templatetags.console import duration
from observability import samples
from observability.health import history
from observability.health.base import Status
from observability.samples import Reading, Slot
from observability.trend import Forecast, Verdict, forecast, quantile

WIDTH, HEIGHT = 96, 40
TREND_DAYS = 14
_TONES = {Status.UP: "good", Status.DEGRADED: "warn", Status.DOWN: "bad"}

Value = Callable[[Slot], float | None]
Shown = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Chart:
    """One line over a day: parts of it where there were values, its limit, and the same as a table by the hour."""

    id: str
    title: str
    says: str
    now: str
    top: str
    parts: tuple[str, ...]
    dots: tuple[tuple[str, str], ...]
    limit: str
    rows: tuple[tuple[datetime, str], ...]
    story: str


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """What an adapter's operations did in a day; ``width`` is its share of the busiest one's, in per cent."""

    name: str
    finished: str
    unwell: int
    share: str
    width: float


def performance_page() -> dict[str, Any]:
    """Everything the page shows."""
    now = timezone.now()
    found = samples.slots(now)
    seen = [slot for slot in found if slot.reading is not None]
    return {
        "measured": bool(seen),
        "charts": _charts(found) if seen else [],
        "adapters": _adapters([slot.reading for slot in seen if slot.reading is not None]),
        "nodes": _nodes(),
        "forecast": _told(forecast(samples.disk_history(now, TREND_DAYS), now)),
        "began": found[0].end - samples.SLOT,
        "ended": found[-1].end,
    }


def _charts(found: Sequence[Slot]) -> list[Chart]:
    return [
        _chart("requests", _("Requests"), _("A second, probes left out."), found, _rate, _per_second),
        _chart("errors", _("Errors"), _("Share of requests that the panel failed to answer. An alert above 5 %."),
               found, _errors, _percent, limit=0.05),
        _chart("latency", _("Time of a request"), _("95 of 100 were faster. An alert above 1 s."), found, _p95,
               duration, limit=1.0),
        _chart("waiting", _("Waiting operations"), _("Not yet taken by a worker."), found, _gauge("waiting"), _whole),
        _chart("age", _("Age of the queue"), _("How long the oldest has waited. An alert above 5 minutes."), found,
               _gauge("queue_age"), duration, limit=300.0),
        _chart("disk", _("Fullest disk"), _("Used part. Alerts at 80 and 90 %."), found, _gauge("disk"), _percent,
               limit=0.9, least=1.0),
        _chart("memory", _("Memory"), _("Used part. Alerts at 80 and 85 %."), found, _gauge("memory"), _percent,
               limit=0.85, least=1.0),
        _chart("cpu", _("Processors"), _("Used part. An alert after minutes above 85 %."), found, _gauge("cpu"),
               _percent,
               limit=0.85, least=1.0),
    ]  # fmt: skip


def _rate(slot: Slot) -> float | None:
    return slot.reading.requests / slot.seconds if slot.reading and slot.seconds else None


def _errors(slot: Slot) -> float | None:
    return slot.reading.errors / slot.reading.requests if slot.reading and slot.reading.requests else None


def _p95(slot: Slot) -> float | None:
    return quantile(0.95, slot.reading.buckets) if slot.reading else None


def _gauge(name: str) -> Value:
    return lambda slot: slot.reading.gauges.get(name) if slot.reading else None


def _per_second(value: float) -> str:
    return _("%s a second") % decimal(value, 2 if value < 10 else 0)


def _percent(value: float) -> str:
    return decimal(value * 100, 1) + " %"


def _whole(value: float) -> str:
    return decimal(value, 0)


def _chart(
    name: str, title: str, says: str, found: Sequence[Slot], value: Value, shown: Shown, *,
    limit: float | None = None, least: float = 0.0,
) -> Chart:  # fmt: skip
    values = [value(slot) for slot in found]
    known = [one for one in values if one is not None]
    top = max([*known, least]) or 1.0
    parts, dots = _lines(values, top)
    last, highest = values[-1] if values[-1] is not None else (known[-1] if known else None), max(known, default=None)
    return Chart(
        id=name, title=title, says=says, now="–" if last is None else shown(last), top=shown(top), parts=parts,
        dots=dots,
        limit=f"{_y(limit, top):.1f}" if limit is not None and limit <= top else "",
        rows=tuple((slot.end, "–" if one is None else shown(one))
                   for slot, one in zip(found[3::4], values[3::4], strict=True)),
        story=_("No value in the last 24 hours") if highest is None
        else _("%(title)s: now %(now)s, at most %(most)s in the last 24 hours")
        % {"title": title, "now": shown(last or 0.0), "most": shown(highest)},
    )  # fmt: skip


def _lines(values: Sequence[float | None], top: float) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The line in parts, a gap where there is no value; a value between two gaps is a dot."""
    parts: list[list[tuple[str, str]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            parts[-1].append((f"{(place + 0.5) * WIDTH / len(values):.1f}", f"{_y(value, top):.1f}"))
    lines = tuple(" ".join(",".join(point) for point in part) for part in parts if len(part) > 1)
    return lines, tuple(part[0] for part in parts if len(part) == 1)


def _y(value: float, top: float) -> float:
    return HEIGHT - 1 - value / top * (HEIGHT - 2)


def _adapters(readings: Sequence[Reading]) -> list[AdapterRow]:
    totals: dict[str, list[float]] = {}
    for reading in readings:
        for name, (finished, unwell) in reading.operations.items():
            pair = totals.setdefault(name, [0.0, 0.0])
            pair[0], pair[1] = pair[0] + finished, pair[1] + unwell
    busiest = max((pair[0] for pair in totals.values()), default=0.0)
    rows = [(name, finished, unwell) for name, (finished, unwell) in totals.items() if finished]
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return [
        AdapterRow(name, _whole(finished), int(unwell), _percent(unwell / finished), round(finished / busiest * 100, 1))
        for name, finished, unwell in ordered
    ]


def _nodes() -> list[dict[str, Any]]:
    """Each node by the worst of what its checks say now."""
    worst: dict[str, Status] = {}
    periods = history.current()
    nodes = {period.node for period in periods if period.check_name == "ssh"}  # resolvers have checks as well
    for period in periods:
        status = Status(period.status)
        if period.node in nodes and (period.node not in worst or status.severity > worst[period.node].severity):
            worst[period.node] = status
    words = {Status.UP: _("up"), Status.DEGRADED: _("degraded"), Status.DOWN: _("down")}
    ordered = sorted(worst.items(), key=lambda row: (-row[1].severity, row[0]))
    return [{"name": name, "word": words[status], "tone": _TONES[status]} for name, status in ordered]


def _told(found: Forecast) -> dict[str, str]:
    """The forecast in words."""
    if found.verdict is Verdict.TOO_LITTLE:
        return {"tone": "neutral", "headline": _("Too little is known yet"),
                "says": _("A forecast needs a day of samples.")}  # fmt: skip
    if found.verdict is Verdict.NO_TREND or found.full_at is None:
        says = _("No straight line explains how the disk went lately, or none that fills it within a year.")
        return {"tone": "good", "headline": _("No trend"), "says": says}
    left = max(0, (found.full_at - timezone.now()) // timedelta(days=1))
    when = ngettext("Full in about %d day", "Full in about %d days", left) % left
    says = _("%(points)s of the disk a day over the last %(days)d days; full around %(date)s if it goes on like this.")
    values = {"points": _percent(found.per_day), "days": TREND_DAYS, "date": f"{found.full_at:%Y-%m-%d}"}
    return {"tone": "bad" if left < 7 else "warn" if left < 30 else "good", "headline": when, "says": says % values}
