"""The lines of a segment's archive: a seal with its event, personal fields encrypted with their subject's key."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connections

from audit.canonical import COLUMNS, ERASED, PERSONAL, PLAIN, commitment, link, row_of, stored, subjects
from audit.models import Segment
from audit.sealing import columns
from audit.subject_keys import SubjectKeys
from observability.archive import ArchiveCorrupt, ArchiveStore

_PAGE = 2_000


class SegmentDamaged(ArchiveCorrupt):
    """A segment is not what was sealed; the text says where."""


def encoded(first: int, last: int, using: str = "default") -> Iterator[str]:
    """The lines of the seals from ``first`` to ``last``.

    Raises:
        SegmentDamaged: a seal has no event.
    """
    keys = SubjectKeys(using)
    for seal, row in sealed_rows(first, last, using):
        yield json.dumps({"seal": seal, "event": _plain(row), "personal": _sealed(row, keys)}, ensure_ascii=False)


def sealed_rows(first: int, last: int, using: str = "default") -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Seals with their events, in order.

    Raises:
        SegmentDamaged: a seal has no event.
    """
    reached = first - 1
    while reached < last:
        with connections[using].cursor() as cursor:
            cursor.execute(
                "SELECT s.seq, s.commitments, s.previous_hash, s.hash, s.sealed_at, "  # noqa: S608 - constants
                f"{columns(using)} FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id"
                " WHERE s.seq > %s AND s.seq <= %s ORDER BY s.seq LIMIT %s",
                [reached, last, _PAGE],
            )
            rows = cursor.fetchall()
        if not rows:
            raise SegmentDamaged(f"Seals {reached + 1} to {last} are not there.")
        for seq, commitments, previous, hashed, sealed_at, *event in rows:
            if seq != reached + 1 or event[0] is None:
                raise SegmentDamaged(f"Seal {reached + 1} or its event is not there.")
            reached = seq
            seal = {"seq": seq, "commitments": commitments, "previous": previous, "hash": hashed}
            yield {**seal, "at": stored(sealed_at)}, row_of(event)


def decoded(segment: Segment, store: ArchiveStore, using: str = "default") -> Iterator[dict[str, Any]]:
    """The events of an archived segment as rows of columns; erased fields read ``erased``.

    Raises:
        ArchiveError: the archive is not there, or not what was written.
        SegmentDamaged: it is not the segment's.
    """
    keys = SubjectKeys(using)
    seq, previous = segment.first_seq - 1, segment.first_previous_hash
    for line in store.lines(segment.archive):
        part = json.loads(line)
        row = {**part["event"], **_opened(part, keys)}
        seal = part["seal"]
        if seal["seq"] != seq + 1 or link(row, seal["commitments"], previous) != seal["hash"]:
            raise SegmentDamaged(f"The archive {segment.archive} holds another seal {seq + 1} than was made.")
        _check_personal(row, seal, keys, segment)
        seq, previous = seal["seq"], seal["hash"]
        yield {name: row[name] for name in COLUMNS}
    if (seq, previous) != (segment.last_seq, segment.last_hash):
        raise SegmentDamaged(f"The archive {segment.archive} ends at seal {seq}.")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in PLAIN}


def _sealed(row: dict[str, Any], keys: SubjectKeys) -> dict[str, Any]:
    """Fields about nobody stay as they are; those of an erased subject are there as they read now."""
    whose = subjects(row)
    made: dict[str, Any] = {}
    for group, names in PERSONAL.items():
        values = [row[name] for name in names]
        key = keys.key(whose[group])
        if not key:
            made[group] = {"plain": values}
            continue
        text = json.dumps(values, ensure_ascii=False).encode()
        # The same line each time it is written: the nonce is made of the event and of what is written, under the key.
        about = f"{row['uid']} {commitment(row, group, key)}".encode()
        nonce = hashlib.blake2b(about, digest_size=12, key=key).digest()
        made[group] = {
            "for": whose[group],
            "sealed": _b64(nonce + AESGCM(key).encrypt(nonce, text, row["uid"].encode())),
        }
    return made


def _opened(part: dict[str, Any], keys: SubjectKeys) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for group, names in PERSONAL.items():
        kept = part["personal"][group]
        values = kept.get("plain") or _decrypted(kept, part["event"]["uid"], keys)
        row |= dict(zip(names, values or [None if n in ("before", "after") else ERASED for n in names], strict=True))
    return row


def _decrypted(kept: dict[str, str], uid: str, keys: SubjectKeys) -> list[Any] | None:
    """The values, or None when their key is gone."""
    key = keys.key(kept["for"])
    if not key:
        return None
    raw = base64.b64decode(kept["sealed"])
    try:
        return list(json.loads(AESGCM(key).decrypt(raw[:12], raw[12:], uid.encode())))
    except InvalidTag:  # the subject acted again after it was erased, and has a new key
        return None


def _check_personal(row: dict[str, Any], seal: dict[str, Any], keys: SubjectKeys, segment: Segment) -> None:
    whose, seq = subjects(row), seal["seq"]
    for group, wanted in zip(PERSONAL, seal["commitments"].split(","), strict=True):
        key = keys.key(whose[group])
        if (key is not None and commitment(row, group, key) == wanted) or keys.is_erased(whose[group], seq):
            continue
        raise SegmentDamaged(f"The archive {segment.archive} holds another event {row['uid']} than was sealed.")


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
