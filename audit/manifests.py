"""Proves segments: by their manifests, which form a chain of their own, and by the archives they name."""

import datetime
import hashlib
import json

from django.utils import timezone

from audit.archives import SegmentDamaged, decoded
from audit.canonical import ZERO
from audit.models import Segment
from observability.archive import ArchiveError, ArchiveStore, Manifest

#: So many days every archive stays, whatever settings and manifests say.
ARCHIVE_DAYS = 365


def manifest_hash(segment: Segment) -> str:
    """The hash that the next manifest names."""
    parts = (str(segment.day), segment.first_seq, segment.last_seq, segment.count, segment.first_previous_hash,
             segment.last_hash, segment.archive, segment.sha256, segment.previous_manifest)  # fmt: skip
    return hashlib.sha256(json.dumps(["npanel-audit-segment 1", *parts]).encode()).hexdigest()


def check_manifests(using: str = "default") -> str:
    """What is wrong with the manifests, or ""; they form a chain of their own."""
    previous, seq, end = "", 0, ZERO
    for segment in Segment.objects.using(using).order_by("first_seq").iterator(1_000):
        whole = segment.manifest == manifest_hash(segment) and segment.previous_manifest == previous
        if not whole or segment.first_seq != seq + 1 or segment.first_previous_hash != end:
            return f"The manifest of {segment.day} was changed, or one before it is gone."
        previous, seq, end = segment.manifest, segment.last_seq, segment.last_hash
    return ""


def prove(segment: Segment, store: ArchiveStore, using: str) -> None:
    """Read a segment's archive back, event by event and hash by hash.

    Raises:
        ArchiveError, SegmentDamaged: it is not what was sealed.
    """
    if store.manifest(segment.archive).sha256 != segment.sha256:
        raise SegmentDamaged(f"The archive {segment.archive} has another checksum than its segment says.")
    count = sum(1 for _row in decoded(segment, store, using))
    if count != segment.count:
        raise SegmentDamaged(f"The archive {segment.archive} holds {count} events instead of {segment.count}.")


def why_not_proven(segment: Segment, signed_day: str, store: ArchiveStore, using: str = "default") -> str:
    """Why the events of a segment may not be missing from the database; "" when they may.

    A manifest alone proves nothing: whoever may add one could write it over events that no archive holds.

    Args:
        signed_day: the day (ISO) of the last signed checkpoint before the segment, or "": an older segment is a lie.
    """
    day = segment.day.isoformat()
    if day < signed_day:
        return f"The manifest of {day} claims seals that were made on or after {signed_day}."
    try:
        manifest = store.manifest(segment.archive)
        if manifest.deleted_at:
            return _why_not_deleted(segment, manifest)
        if manifest.encryption and store.recipients and store.identity is None:
            return _why_not_stored(segment, store)
        prove(segment, store, using)
    except (ArchiveError, SegmentDamaged) as error:
        return f"No archive proves the segment of {day}: {error}"
    return ""


def _why_not_deleted(segment: Segment, manifest: Manifest) -> str:
    oldest_kept = timezone.now().astimezone(datetime.UTC).date() - datetime.timedelta(days=ARCHIVE_DAYS)
    if segment.day < oldest_kept and manifest.sha256 == segment.sha256:
        return ""
    return f"The archive of {segment.day} was deleted before its {ARCHIVE_DAYS} days were over, or is another one."


def _why_not_stored(segment: Segment, store: ArchiveStore) -> str:
    """Without the key that reads it, an encrypted archive can only be compared with its checksum."""
    if store.verify(segment.archive).sha256 == segment.sha256:
        return ""
    return f"The archive {segment.archive} has another checksum than its segment says."
