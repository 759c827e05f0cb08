"""How the installation is doing: six figures of the last seven days, each with its line and the week before.

A window is 24 hours and ends on a full hour, so that what was counted of a past one stays true and can be kept.
"""

import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.verbs import SIGN_IN_FAILED
from audit.actor import Actor
from hosting import selectors
from hosting.choices import DriftState, OperationState, ServiceState
from hosting.models import Operation
from hosting.numbers import decimal
from hosting.templatetags.console import duration

UNWELL = (OperationState.FAILED, OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)
WEEK, WINDOWS = 7, 14
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
#: The median of a window is that of its newest operations.
_SAMPLE = 200
#: Refused sign-ins are counted this far: who is attacked wants to know that, not the number.
_REFUSED = 10_000
_KEPT_S, _FRESH_S = 3_600, 60
_MOMENTS = ("created_at", "started_at", "finished_at")


@dataclass(frozen=True)
class Figure:
    """One number, the same a week ago, which way it went, and a point for each of the last 14 days."""

    name: str
    value: str
    before: str
    trend: str
    tone: str
    points: list[float]
    url: str


@dataclass(frozen=True)
class Window:
    """What happened in 24 hours."""

    operations: int
    failed: int
    seconds: tuple[float, ...]
    refused: int


def figures(actor: Actor) -> list[Figure]:
    """The six figures, at most a minute old."""
    key = f"console-figures:{actor.role}:{get_language()}"  # names and numbers are written in it
    kept: list[Figure] | None = cache.get(key)
    if kept is None:
        kept = _figures(actor, _ends(timezone.now()))
        cache.set(key, kept, _FRESH_S)
    return kept


def services_by_node(actor: Actor) -> dict[int, int]:
    """How many services each node carries, at most a minute ago."""
    key = f"console-services-by-node:{actor.role}"
    kept: dict[int, int] | None = cache.get(key)
    if kept is None:
        live = selectors.services(actor).exclude(state=ServiceState.TERMINATED).select_related(None).order_by()
        kept = dict(live.values_list("node_id").annotate(many=Count("pk")))
        cache.set(key, kept, _FRESH_S)
    return kept


def _ends(now: datetime) -> list[datetime]:
    """The ends of the windows, oldest first; the last one holds this moment."""
    last = now.replace(minute=0, second=0, microsecond=0) + _HOUR
    return [last - _DAY * n for n in reversed(range(WINDOWS))]


def _figures(actor: Actor, ends: list[datetime]) -> list[Figure]:
    windows = _windows(actor, ends)
    before, week = windows[:WEEK], windows[WEEK:]
    operations, audit = _list("hosting_operation"), _list("audit_event")
    return [
        _figure(_("Services"), *_ends_of_weeks(_services(actor, ends)), _number, _list("hosting_hostingservice")),
        _figure(
            _("Operations a day"), _average(week), _average(before), [w.operations for w in windows], _number,
            operations,
        ),
        _figure(
            _("Not succeeded"), _share(week), _share(before), [_share([w]) or 0 for w in windows], _percent, operations,
            good=-1,
        ),
        _figure(
            _("Time of an operation"), _median(week), _median(before), _without_gaps([_median([w]) for w in windows]),
            _seconds, operations, good=-1,
        ),
        _figure(
            _("Open drift"), *_ends_of_weeks(_drift(actor, ends)), _number, _list("hosting_driftitem"), good=-1,
        ),
        _figure(
            _("Sign-ins refused"), sum(w.refused for w in week), sum(w.refused for w in before),
            [w.refused for w in windows], _number, f"{audit}?verb={SIGN_IN_FAILED.name}", good=-1,
        ),
    ]  # fmt: skip


def _windows(actor: Actor, ends: list[datetime]) -> list[Window]:
    """The windows, of which only what is not known yet is counted."""
    keys = {f"console-window:{actor.role}:{end:%Y%m%d%H}": end for end in ends}
    known: dict[str, Window] = cache.get_many(keys)
    unknown = {key: end for key, end in keys.items() if key not in known}
    for key, window in zip(unknown, _counted(actor, list(unknown.values())), strict=True):
        known[key] = window
        cache.set(key, window, _FRESH_S if keys[key] == ends[-1] else _KEPT_S)
    return [known[key] for key in keys]


def _counted(actor: Actor, ends: list[datetime]) -> list[Window]:
    """What happened in the windows with these ends (oldest first): a statement for each question, not for each day."""
    if not ends:
        return []
    span = _span(ends[0], ends[-1])
    operations = selectors.operations(actor).select_related(None).order_by()
    asked = operations.filter(created_at__range=span)
    refused = selectors.events(actor).filter(verb=SIGN_IN_FAILED.name, occurred_at__range=span)
    columns = (
        _by_window(asked, "created_at", ends),
        _by_window(asked.filter(state__in=UNWELL), "created_at", ends),
        _times(operations.filter(state=OperationState.SUCCEEDED), ends),
        _by_window(refused[: _REFUSED * len(ends)], "occurred_at", ends),
    )
    return [Window(*row) for row in zip(*columns, strict=True)]


def _span(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """From the begin of the window that ends first to the end of the one that ends last."""
    return first - _DAY, last - timedelta(microseconds=1)


def _by_window(rows: QuerySet[Any], moment: str, ends: list[datetime]) -> list[int]:
    """How many of the rows each window holds."""
    counts = {
        f"n{n}": Count("pk", filter=Q(**{f"{moment}__range": _span(end, end)})) for n, end in enumerate(ends)
    }  # fmt: skip
    found = rows.aggregate(**counts)
    return [found[name] for name in counts]


def _times(done: QuerySet[Operation], ends: list[datetime]) -> list[tuple[float, ...]]:
    """How long the newest of each window took, in seconds."""
    begins = _begins_of_samples(done, ends)
    sampled = (Q(created_at__range=(begin, _span(end, end)[1])) for begin, end in zip(begins, ends, strict=True))
    times: list[list[float]] = [[] for _end in ends]
    for asked, started, finished in done.filter(reduce(or_, sampled)).values_list(*_MOMENTS):
        if started and finished:
            times[bisect_right(ends, asked)].append((finished - started).total_seconds())
    return [tuple(seconds) for seconds in times]


def _begins_of_samples(done: QuerySet[Operation], ends: list[datetime]) -> list[datetime]:
    """When the oldest of each window's sample was asked for; the window's begin where all of it is the sample."""
    spans = {f"n{n}": _span(end, end) for n, end in enumerate(ends)}
    oldest = {
        name: Subquery(newest.values("created_at")[_SAMPLE - 1 : _SAMPLE])
        for name, span in spans.items()
        for newest in [done.filter(created_at__range=span).order_by("-created_at")]
    }
    found: dict[str, datetime | None] = next(iter(done.annotate(**oldest).values(*oldest)[:1]), {})
    return [found.get(name) or span[0] for name, span in spans.items()]


def _services(actor: Actor, ends: list[datetime]) -> list[float]:
    """How many of today's services there were at each end."""
    live = selectors.services(actor).exclude(state=ServiceState.TERMINATED).select_related(None).order_by()
    total = live.count()
    later = live.filter(created_at__gte=ends[0]).aggregate(
        **{f"n{n}": Count("pk", filter=Q(created_at__gte=end)) for n, end in enumerate(ends)}
    )
    return [total - later[f"n{n}"] for n in range(len(ends))]


def _drift(actor: Actor, ends: list[datetime]) -> list[float]:
    """How many differences were open at each end."""
    items = selectors.drift_items(actor).select_related(None).order_by()
    items = items.filter(Q(state=DriftState.OPEN) | Q(closed_at__gte=ends[0]))
    counts = items.aggregate(
        **{
            f"n{n}": Count("pk", filter=Q(first_seen_at__lt=end) & (Q(closed_at=None) | Q(closed_at__gte=end)))
            for n, end in enumerate(ends)
        }
    )
    return [counts[f"n{n}"] for n in range(len(ends))]


def _ends_of_weeks(counts: list[float]) -> tuple[float, float, list[float]]:
    return counts[-1], counts[WEEK - 1], counts


def _average(windows: Sequence[Window]) -> float:
    return sum(window.operations for window in windows) / len(windows)


def _share(windows: Sequence[Window]) -> float | None:
    many = sum(window.operations for window in windows)
    return sum(window.failed for window in windows) / many if many else None


def _median(windows: Sequence[Window]) -> float | None:
    times = [seconds for window in windows for seconds in window.seconds]
    return statistics.median(times) if times else None


def _without_gaps(points: Iterable[float | None]) -> list[float]:
    """A day without a value is drawn like the one before it."""
    drawn: list[float] = []
    for point in points:
        drawn.append(point if point is not None else (drawn[-1] if drawn else 0.0))
    return drawn


def _figure(
    name: str, now: float | None, then: float | None, points: Sequence[float], shown: Callable[[float | None], str],
    url: str, good: int = 0,
) -> Figure:  # fmt: skip
    """A figure; ``good`` says whether more (1) or less (-1) of it is good news."""
    way = 0 if now is None or then is None or shown(now) == shown(then) else (1 if now > then else -1)
    tone = "neutral" if not way or not good else ("good" if way == good else "bad")
    return Figure(name, shown(now), shown(then), ("same", "up", "down")[way], tone, list(map(float, points)), url)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return decimal(value, 1 if value < 10 else 0)


def _percent(value: float | None) -> str:
    if value is None:
        return "–"
    return decimal(value * 100, 1) + " %"


def _seconds(value: float | None) -> str:
    return "–" if value is None else duration(value)


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")
