"""Results of looks at the record. "All is well" counts only if the sealer's key signed it; an alarm counts anyway.

The worker may add rows to the table (it keeps what it sees of the triggers). Whoever has its account could otherwise
write that the chain was verified up to its end: the next incremental walk would pass over what was changed, and the
metric would say that all is well.
"""

import datetime
from typing import Any

from audit import keys
from audit.canonical import stored
from audit.keys import Signatures
from audit.models import Verification, now_ms
from observability.logging import get_logger
from observability.operations import AUDIT_VERIFY

#: What an account without the key may keep too: the worker's own look at the triggers it sees.
_UNSIGNED = "worker"
_WALKS = ("full", "incremental")
#: So many results are searched for one to go on from; without one the walk begins at the beginning.
_SEARCHED = 50
#: A look that finds what the one before found is kept this often, as a sign of life.
_AGAIN = datetime.timedelta(hours=1)
#: A proof that reaches further by so many seals is kept: the next one starts there.
RECENT = 10_000


def keep(
    using: str, *, kind: str, ok: bool, size: int = 0, head_hash: str = "", finding: dict[str, Any] | None = None
) -> bool:
    """Keep a result unless the newest of its kind says the same; whether it was kept.

    What was asked for (a full verification) is always kept. It is signed where this process can sign; a good one that
    it can't sign is not kept, because it would not count.
    """
    look = Verification(kind=kind, ok=ok, size=size, head_hash=head_hash, finding=finding, at=now_ms())
    if kind != "full" and _is_known(look, using):
        return False
    if kind != _UNSIGNED:
        try:
            look.key_id, look.signature = keys.sign(lambda key: _payload(look, key))
        except OSError as error:
            if ok:
                get_logger(AUDIT_VERIFY).warning("result not kept: no key to sign it", exc_info=error, status="failed")
                return False
    look.save(using=using)
    return True


def _is_known(look: Verification, using: str) -> bool:
    """Whether a look says what the one before said, not long ago; nobody needs a row a minute.

    Walks of the chain are of one kind here: one that finds again what a full verification has since called sound is
    news.
    """
    kinds = _WALKS if look.kind in _WALKS else (look.kind,)
    last = Verification.objects.using(using).filter(kind__in=kinds).order_by("-at", "ok").first()
    if last is None or last.kind != look.kind or not _counts(last, Signatures()):
        return False
    is_fresh = datetime.timedelta(0) <= look.at - last.at < _AGAIN
    return (last.ok, last.finding) == (look.ok, look.finding) and is_fresh and look.size - last.size < RECENT


def newest(kind: str, using: str = "default") -> Verification | None:
    """The newest result of a kind; a good one that was not signed is shown as what it is, a forgery.

    By time, not by id: a copy of an older result, signature and all, stays where the older one is.
    """
    look = Verification.objects.using(using).filter(kind=kind).order_by("-at", "ok").first()
    if look is not None and not _counts(look, Signatures()):
        text = f"Somebody added a result ({kind}) that the sealer did not sign."
        look.ok, look.finding = False, {"what": "forged", "text": text}
    return look


def is_forged(look: Verification) -> bool:
    """Whether :func:`newest` found nobody's signature on it."""
    return bool(look.finding) and look.finding.get("what") == "forged"


def last_proven(using: str, signatures: Signatures) -> Verification | None:
    """The newest walk that found nothing wrong and is signed."""
    found = Verification.objects.using(using).filter(kind__in=_WALKS, ok=True).order_by("-at")[:_SEARCHED]
    return next((look for look in found if _is_signed(look, signatures)), None)


def _counts(look: Verification, signatures: Signatures) -> bool:
    """Processes that may not read the public keys (the folder is another account's) take results as they are."""
    return not look.ok or look.kind == _UNSIGNED or not signatures.are_there or _is_signed(look, signatures)


def _is_signed(look: Verification, signatures: Signatures) -> bool:
    return signatures.are_good(look.key_id, look.signature, _payload(look, look.key_id))


def _payload(look: Verification, key_id: str) -> bytes:
    parts = ("npanel-audit-look 1", look.kind, stored(look.at), look.ok, look.size, look.head_hash, key_id)
    return "\n".join(str(part) for part in parts).encode()
