"""Archives past days as segments; hot rows go after 30 days, archives after 365, and never what is held."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.actor import Actor
from audit.archives import encoded
from audit.canonical import stored
from audit.choices import Outcome
from audit.manifests import ARCHIVE_DAYS, manifest_hash, prove
from audit.models import Event, LegalHold, Seal, Segment
from audit.record import Target, record
from audit.sealing import one_sealer
from audit.trigger_texts import HOT_DAYS
from audit.triggers import missing_triggers
from audit.verbs import AUDIT_RETAINED
from observability.archive import ArchiveStore
from observability.logging import get_logger
from observability.operations import AUDIT_RETENTION
from observability.retained import RetentionRefused, Step

_DELETE_BATCH = 2_000
#: Without a seal for so long, the clock is not believed: it may have jumped.
BELIEVED_GAP = datetime.timedelta(days=2)
log = get_logger(AUDIT_RETENTION)


def hot_days() -> int:
    """For how many days events stay in the database."""
    return max(HOT_DAYS, int(settings.NPANEL_AUDIT_HOT_DAYS))


def archive_days() -> int:
    """After how many days an archive is deleted."""
    return max(ARCHIVE_DAYS, int(settings.NPANEL_AUDIT_DELETE_DAYS))


def steps(
    *, now: datetime.datetime | None = None, dry_run: bool = False, using: str = "default",
    store: ArchiveStore | None = None, begin: Callable[[str], None] = lambda _name: None,
) -> Iterator[Step]:  # fmt: skip
    """Archive sealed days, remove what is old enough, and record it; each step is given when it is done.

    Args:
        now: the time, for tests. dry_run: only say what would be done. begin: is told what is worked on.

    Raises:
        RetentionRefused: the clock can't be believed, or a trigger is missing.
        ArchiveError, SegmentDamaged: an archive is not what was sealed; nothing hot was removed for it.
    """
    moment = now or timezone.now()
    _check_triggers(using)
    _check_clock(using, moment)
    work = _Work(moment.astimezone(datetime.UTC).date(), store or ArchiveStore(), using, dry_run, begin)
    done: Counter[str] = Counter()
    try:
        # What may go goes first: on a full disk it makes the room that an archive needs.
        for part in (_delete_archives, _archive_days, _remove_hot):
            for step in part(work):
                done[step.action] += step.lines
                yield step
    finally:
        del done["held"]
        if done and not dry_run:
            _record(done, using)


def _record(done: Counter[str], using: str) -> None:
    with transaction.atomic(using=using):
        record(
            verb=AUDIT_RETAINED, actor=Actor.system("retention"), target=Target("audit.event", "retention", "audit"),
            outcome=Outcome.SUCCEEDED, using=using, after=dict(done),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Work:
    """What the three parts of a run share."""

    today: datetime.date
    store: ArchiveStore
    using: str
    dry_run: bool
    begin: Callable[[str], None]

    def seals(self, segment: Segment) -> QuerySet[Seal]:
        """A segment's seals that are still in the database."""
        return Seal.objects.using(self.using).filter(seq__range=(segment.first_seq, segment.last_seq))

    def past(self, days: int) -> datetime.date:
        """The day that is so many days ago."""
        return self.today - datetime.timedelta(days=days)


def _check_triggers(using: str) -> None:
    missing = missing_triggers(connections[using])
    if missing:
        raise RetentionRefused(f"Triggers are missing: {', '.join(missing)}. Nothing was removed.")


def _check_clock(using: str, now: datetime.datetime) -> None:
    last = Seal.objects.using(using).order_by("-seq").values_list("sealed_at", flat=True).first()
    if last is None:
        return
    if now < last:
        raise RetentionRefused(f"The clock says {now:%Y-%m-%d %H:%M}, but the last seal is of {last:%Y-%m-%d %H:%M}.")
    if now - last > BELIEVED_GAP:
        raise RetentionRefused(
            f"The last seal is of {last:%Y-%m-%d %H:%M}: the clock jumped, or the sealer stands still. Seal first."
        )


def _days(using: str) -> Iterator[datetime.date]:
    """Days with seals that no segment covers yet, oldest first."""
    last = Segment.objects.using(using).order_by("-last_seq").first()
    reached = last.last_seq if last else 0
    while True:
        seal = Seal.objects.using(using).filter(seq__gt=reached).order_by("seq").first()
        if seal is None:
            return
        day = seal.sealed_at.astimezone(datetime.UTC).date()
        yield day
        reached = _last_of(day, using)


def _last_of(day: datetime.date, using: str) -> int:
    end = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
    found = Seal.objects.using(using).filter(sealed_at__lt=end).order_by("-seq").values_list("seq", flat=True).first()
    return int(found or 0)


def _archive_days(work: _Work) -> Iterator[Step]:
    for day in _days(work.using):
        if day >= work.today:
            return
        work.begin(_archive_name(day))
        yield _to_archive(day, work.using) if work.dry_run else _archive(day, work.store, work.using)


def _to_archive(day: datetime.date, using: str) -> Step:
    reached = Segment.objects.using(using).order_by("-last_seq").values_list("last_seq", flat=True).first() or 0
    seals = Seal.objects.using(using).filter(seq__gt=reached, seq__lte=_last_of(day, using), sealed_at__date=day)
    return Step("audit", "archive", _archive_name(day), day, seals.count())


def _archive_name(day: datetime.date) -> str:
    return f"audit/{day:%Y/%m}/{day}"


def _archive(day: datetime.date, store: ArchiveStore, using: str) -> Step:
    """Write a day's archive, read it back event by event, and only then add its manifest row."""
    before = Segment.objects.using(using).order_by("-last_seq").first()
    first, last = (before.last_seq if before else 0) + 1, _last_of(day, using)
    head = Seal.objects.using(using).get(pk=first)
    times = _times(first, last, using)
    made = store.write(
        _archive_name(day), encoded(first, last, using), kind="audit", first=times[0], last=times[1],
        facts={"day": day.isoformat(), "first_seq": first, "last_seq": last},
    )  # fmt: skip
    segment = Segment(
        day=day, first_seq=first, last_seq=last, count=last - first + 1, first_previous_hash=head.previous_hash,
        last_hash=Seal.objects.using(using).get(pk=last).hash, archive=made.name, sha256=made.sha256,
        previous_manifest=before.manifest if before else "",
    )  # fmt: skip
    segment.manifest = manifest_hash(segment)
    prove(segment, store, using)
    segment.save(using=using)
    log.info("audit day archived", archive=made.name, count=segment.count, status="success")
    return Step("audit", "archive", made.name, day, segment.count, made.bytes)


def _times(first: int, last: int, using: str) -> tuple[str, str]:
    """When the first and the last of the sealed events happened: some were sealed a day later."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT MIN(e.occurred_at), MAX(e.occurred_at) FROM audit_seal s JOIN audit_event e ON e.id = s.event_id"
            " WHERE s.seq BETWEEN %s AND %s",
            [first, last],
        )
        low, high = cursor.fetchone()
    return (str(stored(low)), str(stored(high))) if low else ("", "")


def _remove_hot(work: _Work) -> Iterator[Step]:
    rows = Segment.objects.using(work.using).filter(day__lte=work.past(hot_days())).order_by("first_seq")
    for segment in rows:
        count = work.seals(segment).count()
        if not count:
            continue
        if _is_held(segment, work.using):
            yield Step("audit", "held", segment.archive, segment.day, count, note="a legal hold")
            continue
        work.begin(segment.archive)
        if not work.dry_run:
            prove(segment, work.store, work.using)
            _remove(segment, work.using)
        yield Step("audit", "remove", segment.archive, segment.day, count)


def _remove(segment: Segment, using: str) -> None:
    """Delete a segment's events, then its seals, in one transaction, through the triggers that check it once more.

    The ORM refuses deletes, so these are the only two in SQL. The span of ids keeps MariaDB, which looks up such a list
    row by row, from walking the whole table.
    """
    span = [segment.first_seq, segment.last_seq]
    with one_sealer(using), transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT MIN(event_id), MAX(event_id) FROM audit_seal WHERE seq BETWEEN %s AND %s", span)
        ids = list(cursor.fetchone())
        cursor.execute(
            "DELETE FROM audit_event WHERE id BETWEEN %s AND %s"
            " AND id IN (SELECT event_id FROM audit_seal WHERE seq BETWEEN %s AND %s)",
            [*ids, *span],
        )
        cursor.execute("DELETE FROM audit_seal WHERE seq BETWEEN %s AND %s", span)


def _is_held(segment: Segment, using: str) -> bool:
    """Whether an unreleased hold covers an event of the segment, hot or (by its day alone) archived."""
    for hold in LegalHold.objects.using(using).filter(released_at=None):
        if (hold.since and hold.since.date() > segment.day) or (hold.until and hold.until.date() < segment.day):
            continue
        uids = Seal.objects.using(using).filter(seq__range=(segment.first_seq, segment.last_seq)).values("event_id")
        if not uids.exists() or not hold.target_type:
            return True
        if Event.objects.using(using).filter(_covered(hold), id__in=uids).exists():
            return True
    return False


def _covered(hold: LegalHold) -> Q:
    wanted = Q(target_type=hold.target_type, target_id=hold.target_id) if hold.target_type else Q()
    if hold.since:
        wanted &= Q(occurred_at__gte=hold.since)
    return wanted & Q(occurred_at__lte=hold.until) if hold.until else wanted


def _delete_archives(work: _Work) -> Iterator[Step]:
    rows = Segment.objects.using(work.using).filter(day__lt=work.past(archive_days())).order_by("first_seq")
    for segment in rows:
        manifest = work.store.find(segment.archive)
        if manifest is None or manifest.deleted_at or work.seals(segment).exists():
            continue
        if _is_held(segment, work.using):
            continue
        work.begin(segment.archive)
        if not work.dry_run:
            work.store.delete(segment.archive, keep_manifest=True)
        yield Step("audit", "delete", segment.archive, segment.day, segment.count, manifest.stored_bytes)
