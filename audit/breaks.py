"""Breaks that were looked into: an event of the record, signed with the sealer's key, lets the verifier go past one.

History is not mended: what was changed stays changed, and the acknowledgement says so for good. It covers one event as
it reads now; if it changes once more, that is a break nobody has looked at.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from django.db import transaction

from audit import keys
from audit.actor import Actor
from audit.choices import Outcome
from audit.keys import Signatures
from audit.models import Event
from audit.record import Target, record
from audit.verbs import AUDIT_ACKNOWLEDGED

#: What can be acknowledged: one event, in its place of a chain that is whole. A chain that is not has no other cure
#: than the database that goes with it.
OF_ONE_EVENT = frozenset({"changed", "replaced", "removed"})


class BreakRefused(ValueError):
    """This can't be acknowledged; the text says why."""


def state_of(row: Any, seal_hash: str) -> str:
    """The digest of an event as it reads now, all columns, and of its seal; ``row`` is None for one that is gone."""
    text = json.dumps(["npanel-audit-break 1", seal_hash, row], ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def acknowledge(*, actor: Actor, bad: Any, reason: str, using: str = "default") -> Event:
    """Record that a finding of the verifier was looked into, signed.

    Args:
        bad: the :class:`audit.verifying.Bad`.

    Raises:
        BreakRefused: no reason is given, or it is more than one event.
        OSError: this process may not read the signing key.
    """
    if not reason.strip():
        raise BreakRefused("An acknowledgement says what was found out.")
    if bad.what not in OF_ONE_EVENT or not bad.state:
        raise BreakRefused(f"The chain itself is broken ({bad.what}): that can't be acknowledged.")
    key_id, signature = keys.sign(_payload(bad.seq, bad.what, bad.uid, bad.state))
    said = {"seq": bad.seq, "what": bad.what, "event": bad.uid, "state": bad.state, "by": key_id, "signed": signature}
    with transaction.atomic(using=using):
        return record(
            verb=AUDIT_ACKNOWLEDGED, actor=actor, target=Target("audit.event", bad.uid, bad.uid),
            outcome=Outcome.SUCCEEDED, reason=reason, after=said, using=using,
        )  # fmt: skip


class Acknowledged:
    """What was acknowledged, read when the first break is met."""

    def __init__(self, using: str, signatures: Signatures) -> None:
        self._using, self._signatures = using, signatures
        self._known: set[tuple[int, str, str, str]] | None = None

    def covers(self, bad: Any) -> bool:
        """Whether somebody signed for exactly this."""
        if self._known is None:
            self._known = set(self._signed())
        return (bad.seq, bad.what, bad.uid, bad.state) in self._known

    def _signed(self) -> Iterator[tuple[int, str, str, str]]:
        """Those with a good signature: whoever can only write rows can't excuse what he did."""
        said = Event.objects.using(self._using).filter(verb=AUDIT_ACKNOWLEDGED.name).values_list("after", flat=True)
        for one in said.iterator():
            if not isinstance(one, dict):
                continue
            part = (one.get("seq"), one.get("what"), one.get("event"), one.get("state"))
            if self._signatures.are_good(str(one.get("by")), str(one.get("signed")), _payload(*part)):
                yield int(one["seq"]), str(one["what"]), str(one["event"]), str(one["state"])


def _payload(seq: Any, what: Any, uid: Any, state: Any) -> bytes:
    return "\n".join(("npanel-audit-break 1", str(seq), str(what), str(uid), str(state))).encode()
