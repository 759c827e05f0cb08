"""Proofs of erasures: the sealer signs that the chain states one, and the verifier believes no other.

A row of ``audit_erasure`` lets fields be blanked, and whoever has retention's account may add one. An erasure
therefore counts only with an ``audit.erase`` event in the chain, which names who did it and why, and only for what was
sealed before. The proof stays when that event has left for an archive, or for good.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef

from audit import keys
from audit.choices import Outcome
from audit.keys import Signatures
from audit.models import Erasure, ErasureProof, Event, Seal
from audit.verbs import AUDIT_ERASED

#: The target type of the event that states an erasure; its id is the subject.
SUBJECT = "audit.subject"
_ALL = 1 << 62


def prove_stated(sealed: Iterable[tuple[int, dict[str, Any]]], using: str) -> None:
    """Sign proofs for the erasures that these events (with the numbers of their seals) state.

    Raises:
        OSError: the signing key can't be read.
    """
    stated = [
        (seq, str(row["target_id"]))
        for seq, row in sealed
        if row["verb"] == AUDIT_ERASED.name and row["target_type"] == SUBJECT and row["outcome"] == Outcome.SUCCEEDED
    ]
    for seq, subject in stated:
        if not Erasure.objects.using(using).filter(pk=subject).exists():
            continue
        key_id, signature = keys.sign(partial(_payload, seq, subject))
        ErasureProof.objects.using(using).create(seq=seq, subject=subject, key_id=key_id, signature=signature)


def stated_until(subject: str, using: str) -> int:
    """The seal up to which blanked fields of a subject are proven to be erased; 0 when none are.

    An event that states it and waits for its seal counts: it will be sealed, or be found as one that never was.
    """
    seals = Seal.objects.using(using).filter(event_id=OuterRef("pk"))
    waiting = Event.objects.using(using).filter(
        ~Exists(seals), verb=AUDIT_ERASED.name, target_type=SUBJECT, target_id=subject, outcome=Outcome.SUCCEEDED
    )
    if waiting.exists():
        return _ALL
    signatures = Signatures()
    for proof in ErasureProof.objects.using(using).filter(subject=subject).order_by("-seq"):
        if signatures.are_good(proof.key_id, proof.signature, _payload(proof.seq, subject, proof.key_id)):
            return proof.seq
    return 0


def _payload(seq: int, subject: str, key_id: str) -> bytes:
    return "\n".join(("npanel-audit-erasure 1", str(seq), subject, key_id)).encode()
