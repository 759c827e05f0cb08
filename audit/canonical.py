"""The bytes of an event that its seal covers, version 1.

``hash = SHA-256("npanel-audit-1\\n" + previous_hash + "\\n" + canonical)``; ``canonical`` is a JSON array, no blanks,
in UTF-8: the values of :data:`PLAIN` in that order as the database stores them (uids as 32 hex digits, times in UTC as
``2026-01-31T10:20:30.123``), then the three commitments of the groups in :data:`PERSONAL`.

A commitment is a BLAKE2b digest of 24 bytes over the JSON array of the group's values, keyed with the key of the person
or customer they are about (:class:`audit.models.SubjectKey`). The seal keeps it, so a chain whose subject's key was
destroyed can still be verified, and nobody can guess the fields from it (ADR 12).
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from audit.models import Event

ZERO = "0" * 64
PERSONAL: dict[str, tuple[str, ...]] = {
    "actor": ("actor_login", "actor_ip", "session_digest"),
    "impersonator": ("impersonator_login",),
    "target": ("target_label", "reason", "before", "after"),
}
ERASED = "erased"
COLUMNS: tuple[str, ...] = tuple(str(field.column) for field in Event._meta.concrete_fields)
_HIDDEN = frozenset(name for group in PERSONAL.values() for name in group)
PLAIN: tuple[str, ...] = tuple(name for name in COLUMNS if name not in _HIDDEN)
#: Targets that are people: their label, reason and states are personal.
TARGET_SUBJECTS = {"accounts.user": "user", "accounts.customer": "customer"}
Row = Mapping[str, Any]
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def stored(value: Any) -> Any:
    """A column's value in the one spelling that both databases share."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return value


def row_of(values: Iterable[Any]) -> dict[str, Any]:
    """A row of :data:`COLUMNS` as a cursor gives it, normalised."""
    row = dict(zip(COLUMNS, values, strict=True))
    row["uid"] = str(row["uid"]).replace("-", "")
    row["occurred_at"] = stored(row["occurred_at"])
    return row


def subjects(row: Row) -> dict[str, str]:
    """Whom each group of personal fields is about; "" where it is nobody in particular."""
    kind = TARGET_SUBJECTS.get(row["target_type"])
    target = f"{kind}:{row['target_id']}" if kind and row["target_id"] else ""
    actor = (
        f"{row['actor_type']}:{row['actor_id']}" if row["actor_type"] in ("user", "token") and row["actor_id"] else ""
    )
    if row["actor_type"] == "anonymous":
        actor = target  # the name that was tried at somebody's door
    behind = f"user:{row['impersonator_id']}" if row["impersonator_id"] else ""
    return {"actor": actor, "impersonator": behind, "target": target}


def of_person(subject: str) -> str:
    """Whose it is: ``token:7`` is what the tokens of ``user:7`` do."""
    kind, _colon, identity = subject.partition(":")
    return f"user:{identity}" if kind == "token" else subject


def erased_with(subject: str) -> tuple[str, ...]:
    """All subjects that go when this one is erased: a person's tokens go with the person."""
    kind, _colon, identity = subject.partition(":")
    return (subject, f"token:{identity}") if kind == "user" else (subject,)


def commitment(row: Row, group: str, key: bytes) -> str:
    """The digest of a group's values; an empty key for a group that is about nobody."""
    text = _dump([group, *(row[name] for name in PERSONAL[group])])
    return hashlib.blake2b(text.encode(), digest_size=24, key=key).hexdigest()


def is_erased(row: Row, group: str) -> bool:
    """Whether the group's fields were blanked."""
    return all(row[name] in ("", ERASED, None) for name in PERSONAL[group])


def link(row: Row, commitments: str, previous_hash: str) -> str:
    """The hash of the next seal."""
    canonical = _dump([*(row[name] for name in PLAIN), commitments])
    return hashlib.sha256(f"npanel-audit-1\n{previous_hash}\n{canonical}".encode()).hexdigest()
