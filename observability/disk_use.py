"""Measures how much each kind of record takes a day, hot and archived, and says what a year comes to."""

import datetime
from dataclasses import dataclass

from observability.archive import ArchiveStore
from observability.retained import Kind, kinds


@dataclass(frozen=True, slots=True)
class Use:
    """What was measured of one kind. A figure that could not be measured yet is None, never a guess."""

    kind: str
    label: str
    hot_bytes: int
    archived_bytes: int
    days: int
    bytes_per_day: float | None
    archive_ratio: float | None
    written_per_year: float | None
    kept_at_most: float | None


def disk_use(today: datetime.date, store: ArchiveStore | None = None) -> list[Use]:
    """The use of every kind."""
    place = store or ArchiveStore()
    return [use_of(kind, today, place) for kind in kinds()]


def use_of(kind: Kind, today: datetime.date, store: ArchiveStore) -> Use:
    """The use of one kind."""
    hot = kind.bytes_by_day()
    days = {day: size for day, size in hot.items() if day < today}  # today is not over
    left = {manifest.name for manifest in kind.archives(store)}
    plain = stored = kept = 0
    for manifest in store.manifests(kind.name):
        day = datetime.date.fromisoformat(str(manifest.facts.get("day") or manifest.created_at[:10]))
        if manifest.name in left or manifest.deleted_at:  # else it is the copy of what is counted as hot
            days[day] = days.get(day, 0) + manifest.bytes
        plain, stored = plain + manifest.bytes, stored + manifest.stored_bytes
        kept += 0 if manifest.deleted_at else manifest.stored_bytes
    span = (max(days) - min(days)).days + 1 if days else 0
    per_day = sum(days.values()) / span if span else None
    ratio = stored / plain if plain else None
    return Use(
        kind.name, str(kind.label), sum(hot.values()), kept, span, per_day, ratio,
        None if per_day is None else per_day * 365, _kept(kind, per_day, ratio),
    )  # fmt: skip


def _kept(kind: Kind, per_day: float | None, ratio: float | None) -> float | None:
    """What lies on disks at most once the periods have passed: the hot days as they are, the archive packed."""
    if per_day is None or ratio is None:
        return None
    periods = kind.periods
    return per_day * (periods.hot + ratio * periods.archived)
