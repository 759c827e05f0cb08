"""Archives past days as segments; hot rows go after 30 days, archives after 365, and never what is held."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone

from audit.actor import Actor
from audit.archives import encoded
from audit.choices import Outcome
from audit.manifests import ARCHIVE_DAYS, manifest_hash, prove
from audit.models import Event, LegalHold, Seal, Segment
from audit.record import Target, record
from audit.sealing import one_sealer
from audit.trigger_texts import HOT_DAYS
from audit.verbs import AUDIT_RETAINED
from observability.archive import ArchiveStore
from observability.logging import get_logger
from observability.operations import AUDIT_RETENTION

_DELETE_BATCH = 2_000
#: Without a seal for so long, the clock is not believed: it may have jumped.
BELIEVED_GAP = datetime.timedelta(days=2)
log = get_logger(AUDIT_RETENTION)


class RetentionRefused(Exception):
    """Nothing was removed, because it would not be safe now; the text says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done or would be: archive a day, remove its hot rows, or delete its archive."""

    action: str
    day: datetime.date
    count: int
    note: str = ""


def retain(
    *, now: datetime.datetime | None = None, dry_run: bool = False, using: str = "default",
    store: ArchiveStore | None = None,
) -> list[Step]:  # fmt: skip
    """Archive sealed days, remove what is old enough, and record it.

    Args:
        now: the time, for tests. dry_run: only say what would be done.

    Raises:
        RetentionRefused: the clock can't be believed.
        ArchiveError, SegmentDamaged: an archive is not what was sealed; nothing hot was removed for it.
    """
    moment = now or timezone.now()
    _check_clock(using, moment)
    keep = store or ArchiveStore()
    today = moment.astimezone(datetime.UTC).date()
    steps: list[Step] = []
    for part in (_archive_days, _remove_hot, _delete_archives):
        steps += list(part(today, keep, using, dry_run))
    done = [step for step in steps if step.action != "held"]
    if done and not dry_run:
        with transaction.atomic(using=using):
            record(
                verb=AUDIT_RETAINED, actor=Actor.system("retention"),
                target=Target("audit.event", "retention", "audit"),
                outcome=Outcome.SUCCEEDED, using=using,
                after={step.action: sum(s.count for s in done if s.action == step.action) for step in done},
            )  # fmt: skip
    return steps


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


def _archive_days(today: datetime.date, store: ArchiveStore, using: str, dry_run: bool) -> Iterator[Step]:
    for day in _days(using):
        if day >= today:
            return
        if dry_run:
            first = Segment.objects.using(using).order_by("-last_seq").values_list("last_seq", flat=True).first() or 0
            yield Step("archive", day, Seal.objects.using(using).filter(
                seq__gt=first, seq__lte=_last_of(day, using), sealed_at__date=day).count())  # fmt: skip
            continue
        yield _archive(day, store, using)


def _archive(day: datetime.date, store: ArchiveStore, using: str) -> Step:
    """Write a day's archive, read it back event by event, and only then add its manifest row."""
    before = Segment.objects.using(using).order_by("-last_seq").first()
    first, last = (before.last_seq if before else 0) + 1, _last_of(day, using)
    head = Seal.objects.using(using).get(pk=first)
    made = store.write(
        f"audit/{day:%Y/%m}/{day}", encoded(first, last, using), kind="audit", first=day.isoformat(),
        last=day.isoformat(), facts={"day": day.isoformat(), "first_seq": first, "last_seq": last},
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
    return Step("archive", day, segment.count, made.name)


def _remove_hot(today: datetime.date, store: ArchiveStore, using: str, dry_run: bool) -> Iterator[Step]:
    oldest_kept = today - datetime.timedelta(days=max(HOT_DAYS, settings.NPANEL_AUDIT_HOT_DAYS))
    for segment in Segment.objects.using(using).filter(day__lte=oldest_kept).order_by("first_seq"):
        hot = Seal.objects.using(using).filter(seq__range=(segment.first_seq, segment.last_seq))
        count = hot.count()
        if not count:
            continue
        if _is_held(segment, using):
            yield Step("held", segment.day, count, "a legal hold")
            continue
        if not dry_run:
            prove(segment, store, using)
            _remove(segment, using)
        yield Step("remove", segment.day, count)


def _remove(segment: Segment, using: str) -> None:
    """Delete a segment's events, then its seals, in one transaction, through the triggers that check it once more.

    The ORM refuses deletes, so these are the only two in SQL.
    """
    span = [segment.first_seq, segment.last_seq]
    with one_sealer(using), transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_seal WHERE seq BETWEEN %s AND %s)", span
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


def _delete_archives(today: datetime.date, store: ArchiveStore, using: str, dry_run: bool) -> Iterator[Step]:
    oldest_kept = today - datetime.timedelta(days=max(ARCHIVE_DAYS, settings.NPANEL_AUDIT_DELETE_DAYS))
    for segment in Segment.objects.using(using).filter(day__lt=oldest_kept).order_by("first_seq"):
        hot = Seal.objects.using(using).filter(seq__range=(segment.first_seq, segment.last_seq))
        manifest = store.find(segment.archive)
        if manifest is None or manifest.deleted_at or hot.exists() or _is_held(segment, using):
            continue
        if not dry_run:
            store.delete(segment.archive, keep_manifest=True)
        yield Step("delete", segment.day, segment.count, segment.archive)
