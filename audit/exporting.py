"""Reads events, hot and archived alike, in the order of time, for export and search."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from audit.archives import decoded
from audit.canonical import COLUMNS, stored
from audit.models import Event, Seal, Segment
from observability.archive import ArchiveStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to read; an empty field asks for nothing. Texts are compared whole; ``verb`` may end in ``*``."""

    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    actor: str = ""
    target: str = ""
    verb: str = ""
    trace: str = ""

    def condition(self) -> Q:
        """For hot events."""
        found = Q()
        if self.since:
            found &= Q(occurred_at__gte=self.since)
        if self.until:
            found &= Q(occurred_at__lt=self.until)
        if self.actor:
            found &= Q(actor_login=self.actor)
        if self.target:
            found &= _target(self.target)
        if self.verb:
            found &= Q(verb__startswith=self.verb[:-1]) if self.verb.endswith("*") else Q(verb=self.verb)
        return found & Q(trace_id=self.trace) if self.trace else found

    def takes(self, row: dict[str, Any]) -> bool:
        """For archived events."""
        at = datetime.datetime.fromisoformat(row["occurred_at"]).replace(tzinfo=datetime.UTC)
        if (self.since and at < self.since) or (self.until and at >= self.until):
            return False
        named = (row["target_label"], f"{row['target_type']}:{row['target_id']}")
        verb = row["verb"].startswith(self.verb[:-1]) if self.verb.endswith("*") else row["verb"] == self.verb
        return all(
            not wanted or found
            for wanted, found in (
                (self.actor, row["actor_login"] == self.actor), (self.target, self.target in named),
                (self.verb, verb), (self.trace, row["trace_id"] == self.trace),
            )
        )  # fmt: skip

    def may_be_on(self, day: datetime.date) -> bool:
        """Whether a segment sealed on ``day`` may hold what is wanted: events are sealed after they happened."""
        return self.since is None or day >= self.since.date()


def _target(text: str) -> Q:
    kind, colon, identity = text.partition(":")
    return Q(target_label=text) | Q(target_type=kind, target_id=identity) if colon else Q(target_label=text)


def read(wanted: Wanted, *, using: str = "default", store: ArchiveStore | None = None) -> Iterator[dict[str, Any]]:
    """Rows of columns, archived ones first, then hot ones by id; memory stays flat.

    Raises:
        ArchiveError, SegmentDamaged: an archive can't be read.
    """
    for segment in Segment.objects.using(using).order_by("first_seq"):
        gone = not Seal.objects.using(using).filter(pk=segment.first_seq).exists()
        keep = store or ArchiveStore()
        if gone and wanted.may_be_on(segment.day) and not keep.manifest(segment.archive).deleted_at:
            yield from (row for row in decoded(segment, keep, using) if wanted.takes(row))
    yield from _hot(wanted, using)


def _hot(wanted: Wanted, using: str) -> Iterator[dict[str, Any]]:
    for event in Event.objects.using(using).filter(wanted.condition()).order_by("id").iterator(2_000):
        row = {name: stored(getattr(event, name)) for name in COLUMNS}
        yield {**row, "uid": event.uid.hex}
