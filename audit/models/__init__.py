"""The audit record: events, and what proves them."""

from audit.models.append_only import AppendOnlyQuerySet as EventQuerySet
from audit.models.event import Event, now_ms
from audit.models.trail import Checkpoint, Erasure, ErasureProof, LegalHold, Seal, Segment, SubjectKey, Verification

__all__ = [
    "Checkpoint",
    "Erasure",
    "ErasureProof",
    "Event",
    "EventQuerySet",
    "LegalHold",
    "Seal",
    "Segment",
    "SubjectKey",
    "Verification",
    "now_ms",
]
