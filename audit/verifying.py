"""Walks the chain from its beginning or from the last proof and names the first thing that is wrong."""

import datetime
import heapq
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connections
from django.utils import timezone

from audit import checkpoints
from audit.breaks import Acknowledged, state_of
from audit.canonical import PERSONAL, ZERO, commitment, is_erased, link, row_of, subjects
from audit.checkpoints import Statement
from audit.keys import Signatures
from audit.looks import RECENT, keep, last_proven
from audit.manifests import check_manifests, why_not_proven
from audit.models import Checkpoint, Seal, Segment, Verification
from audit.sealing import columns
from audit.subject_keys import SubjectKeys
from observability.archive import ArchiveStore
from observability.logging import get_logger
from observability.operations import AUDIT_VERIFY

_PAGE = 4_000


@dataclass(frozen=True, slots=True)
class Bad:
    """The first bad event: what is wrong (a stable word and a sentence), and which it is."""

    what: str
    text: str
    seq: int = 0
    uid: str = ""
    verb: str = ""
    at: str = ""
    #: The event as it reads now (:func:`audit.breaks.state_of`), where it is one event; it is what is signed for.
    state: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the chain was walked, and what was found."""

    kind: str
    events: int
    size: int
    head: str
    bad: Bad | None
    #: Breaks passed over because they were acknowledged.
    known: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        found = asdict(self.bad) if self.bad else None
        return {"ok": self.bad is None, "kind": self.kind, "events": self.events, "size": self.size,
                "head": self.head, "bad": found, "acknowledged": self.known}  # fmt: skip


class _Found(Exception):
    def __init__(self, bad: Bad) -> None:
        super().__init__(bad.text)
        self.bad = bad


def verify(
    *, using: str = "default", incremental: bool = False, store: ArchiveStore | None = None, pause: float = 0.0
) -> Verdict:
    """Verify the chain and keep the result for metrics and health.

    Args:
        incremental: begin :data:`audit.looks.RECENT` seals before the last verification that found nothing wrong ended.
        store: where archived segments are read.
        pause: seconds to rest after each page of events.
    """
    walk = _Walk(using, incremental=incremental, store=store or ArchiveStore(), pause=pause)
    bad = None
    try:
        walk.run()
    except _Found as found:
        bad = found.bad
    verdict = Verdict("incremental" if incremental else "full", walk.events, walk.seq, walk.hash, bad, walk.known)
    is_news = keep(
        using, kind=verdict.kind, ok=bad is None, size=walk.seq, head_hash=walk.hash,
        finding=asdict(bad) if bad else None,
    )  # fmt: skip
    level = (40 if bad else 20) if is_news else 10
    get_logger(AUDIT_VERIFY).log(
        level, "audit verified", status="failed" if bad else "success", count=walk.events,
        finding=bad.what if bad else "", error_message=bad.text if bad else "",
    )  # fmt: skip
    return verdict


class _Walk:
    """One pass: the place reached, and the checkpoints still to come."""

    def __init__(self, using: str, *, incremental: bool, store: ArchiveStore, pause: float) -> None:
        self.using, self.store, self.signed_day = using, store, ""
        self.events, self.seq, self.hash, self.known = 0, 0, ZERO, 0
        self.keys, self.signatures = SubjectKeys(using), Signatures()
        self.acknowledged = Acknowledged(using, self.signatures)
        self.incremental, self.pause = incremental, pause
        self._statements: Iterator[Statement] = iter(())
        self._next: Statement | None = None

    def run(self) -> None:
        """Walk to the end; raises _Found."""
        if self.incremental:
            self._resume()
        if text := check_manifests(self.using):
            self._fail("manifest", text, 0)
        merged = heapq.merge(
            checkpoints.in_database(self.using, self.seq), checkpoints.exported(self.seq), key=lambda one: one.size
        )
        self._statements = iter(merged)
        self._next = next(self._statements, None)
        for values in self._seals():
            self._seal(values)
        self._skip_to(None)
        self._end()

    def _resume(self) -> None:
        last = last_proven(self.using, self.signatures)
        if last is None or last.size == 0:
            return
        known = Seal.objects.using(self.using).filter(pk=last.size).values_list("hash", flat=True).first()
        segment = Segment.objects.using(self.using).filter(last_seq__gte=last.size).exists()
        if known is None and not segment:
            self._fail("tail_dropped", f"Seal {last.size}, which was verified before, is gone.", last.size)
        if known is not None and known != last.head_hash:
            self._fail("rewritten", f"Seal {last.size} is not the one that was verified before.", last.size)
        self.seq, self.hash = self._start(last)
        self._signed_before()

    def _start(self, last: Verification) -> tuple[int, str]:
        """A place before the last proof's end: what was proven lately is looked at again.

        A place that nobody vouches for will do. The walk has to arrive at the hash that was proven before.
        """
        start = last.size - RECENT
        if start <= 0:
            return 0, ZERO
        hashed = Seal.objects.using(self.using).filter(pk=start).values_list("hash", flat=True).first()
        if hashed is not None:
            return start, hashed
        segments = Segment.objects.using(self.using).filter(last_seq__range=(start, last.size))
        segment = segments.order_by("last_seq").first()
        return (segment.last_seq, segment.last_hash) if segment else (last.size, last.head_hash)

    def _signed_before(self) -> None:
        """The day of the last checkpoint that a resumed walk does not pass any more."""
        older = Checkpoint.objects.using(self.using).filter(size__lte=self.seq).order_by("-size").first()
        if older is not None:
            self.signed_day = older.made_at.astimezone(datetime.UTC).date().isoformat()

    def _seals(self) -> Iterator[tuple[Any, ...]]:
        sql = (
            "SELECT s.seq, s.event_id, s.event_uid, s.commitments, s.previous_hash, s.hash, s.sealed_at, "  # noqa: S608
            f"{columns(self.using)} FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id"
            " WHERE s.seq > %s ORDER BY s.seq LIMIT %s"
        )
        reached = self.seq
        while True:
            with connections[self.using].cursor() as cursor:
                cursor.execute(sql, [reached, _PAGE])
                rows = cursor.fetchall()
            if not rows:
                return
            yield from rows
            reached = rows[-1][0]
            time.sleep(self.pause)

    def _seal(self, values: tuple[Any, ...]) -> None:
        seq, _event, uid, commitments, previous, hashed, sealed_at, *event = values
        uid = str(uid).replace("-", "")
        if seq != self.seq + 1:
            self._skip_to(seq)
        if previous != self.hash:
            self._fail("seal_changed", f"Seal {seq} does not go on from the one before.", seq, uid)
        row = row_of(event) if event[0] is not None else None
        try:
            if row is None:
                self._fail("removed", f"The event of seal {seq} was removed.", seq, uid, at=str(sealed_at))
            else:
                self._event(seq, row, uid, commitments, hashed)
        except _Found as found:
            self._pass_over(replace(found.bad, state=state_of(row, hashed)))
        self.seq, self.hash = seq, hashed
        self.events += 1
        self._checkpoints()

    def _event(self, seq: int, row: dict[str, Any], uid: str, commitments: str, hashed: str) -> None:
        if row["uid"] != uid:
            self._wrong(seq, row, uid, "replaced", "is another one than was sealed")
        if link(row, commitments, self.hash) != hashed:
            self._wrong(seq, row, uid, "changed", "was changed after it was sealed")
        self._personal(seq, row, commitments.split(","))

    def _pass_over(self, bad: Bad) -> None:
        """Go on past a break that was looked into: the seals around it still hold each other."""
        if not self.acknowledged.covers(bad):
            raise _Found(bad)
        self.known += 1

    def _personal(self, seq: int, row: dict[str, Any], committed: list[str]) -> None:
        whose = subjects(row)
        for group, wanted in zip(PERSONAL, committed, strict=True):
            key = self.keys.key(whose[group])
            if key is not None and commitment(row, group, key) == wanted:
                continue
            if is_erased(row, group) and whose[group] and self.keys.is_erased(whose[group], seq):
                continue
            self._wrong(seq, row, row["uid"], "changed", f"was changed after it was sealed (its {group})")

    def _checkpoints(self) -> None:
        while self._next is not None and self._next.size <= self.seq:
            statement, self._next = self._next, next(self._statements, None)
            self._signed(statement)
            self.signed_day = max(self.signed_day, statement.at[:10])
            if statement.size == self.seq and statement.head != self.hash:
                text = f"The chain was rewritten before seal {self.seq}: the checkpoint of {statement.at} in the"
                self._fail("rewritten", f"{text} {statement.source} says something else.", self.seq, at=statement.at)

    def _signed(self, statement: Statement) -> None:
        if not self.signatures.are_good(statement.key, statement.signature, statement.payload):
            text = f"A checkpoint in the {statement.source} (size {statement.size}) was not signed by a key of ours."
            self._fail("signature", text, statement.size, at=statement.at)

    def _skip_to(self, seq: int | None) -> None:
        """Pass over whole segments that are archived; anything else that is missing is a finding."""
        gone = Segment.objects.using(self.using).filter(first_seq__gt=self.seq).order_by("first_seq")
        for segment in gone.iterator(1_000):
            if seq is not None and segment.last_seq >= seq:
                break
            if segment.first_seq != self.seq + 1 or segment.first_previous_hash != self.hash:
                break
            if text := why_not_proven(segment, self.signed_day, self.store, self.using):
                self._fail("manifest", text, segment.first_seq)
            self.seq, self.hash = segment.last_seq, segment.last_hash
            self._checkpoints()
        if seq is not None and seq != self.seq + 1:
            self._fail("removed", f"Seals {self.seq + 1} to {seq - 1} and their events were removed.", self.seq + 1)

    def _end(self) -> None:
        """Nothing may be signed, or committed and left alone, beyond the end."""
        if self._next is not None:
            statement = self._next
            self._signed(statement)
            if statement.source == "database":
                what, text = "tail_dropped", "Seals were removed from the end"
            else:
                what, text = "old_dump", "An older state of the database was restored, or its end was removed"
            text = f"{text}: there are {self.seq}, and the checkpoint of {statement.at} says {statement.size}."
            self._fail(what, text, self.seq + 1, at=statement.at)
        oldest = oldest_unsealed(self.using, floor=0)
        limit = datetime.timedelta(seconds=settings.NPANEL_AUDIT_UNSEALED_SECONDS)
        if oldest is not None and timezone.now() - oldest[1] > limit:
            text = "An event was never sealed: the sealer stands still, or it was inserted later."
            self._fail("unsealed", text, 0, oldest[0], oldest[2], str(oldest[1]))

    def _wrong(self, seq: int, row: dict[str, Any], uid: str, what: str, text: str) -> None:
        self._fail(what, f"Event {uid} {text}.", seq, uid, row["verb"], row["occurred_at"])

    def _fail(self, what: str, text: str, seq: int, uid: str = "", verb: str = "", at: str = "") -> None:
        raise _Found(Bad(what, text, seq, uid, verb, at))


def oldest_unsealed(using: str = "default", floor: int = 0) -> tuple[str, datetime.datetime, str] | None:
    """The uid, time and verb of the event without a seal that has the lowest id."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT e.uid, e.occurred_at, e.verb FROM audit_event e WHERE e.id > %s AND NOT EXISTS"
            " (SELECT 1 FROM audit_seal s WHERE s.event_id = e.id) ORDER BY e.id LIMIT 1",
            [floor],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    at = row[1] if isinstance(row[1], datetime.datetime) else datetime.datetime.fromisoformat(str(row[1]))
    return str(row[0]).replace("-", ""), at.replace(tzinfo=datetime.UTC), str(row[2])
