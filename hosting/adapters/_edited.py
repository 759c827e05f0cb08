"""Files of ours that somebody edited by hand: kept aside when they are replaced, brought back byte for byte."""

import difflib
import hashlib

from hosting.adapters.base import removed_path
from hosting.connections.base import Context, Move, Read, Stat, Steps
from hosting.errors import HostingError
from hosting.state import Change, Resource
from hosting.texts import N_

#: Lines of a hand-made edit that are shown.
_SHOWN = 40


def edit_of(text: str, ours: str) -> str:
    """What ``edited`` says of a file: a digest of its text, and below it the lines that are not as we write them.

    Args:
        text: the file as it is. ours: as NPanel would write it ("" where it can't be told).
    """
    lines = difflib.unified_diff(ours.splitlines(), text.splitlines(), lineterm="", n=0)
    changed = [line for line in list(lines)[2:] if not line.startswith("@@")] if ours else []
    return "\n".join([digest_of(text.encode()), *changed[:_SHOWN], *(["…"] if len(changed) > _SHOWN else [])])


def digest_of(data: bytes) -> str:
    """What tells one hand-made text from another: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:12]


def keep_edited(change: Change, path: str, context: Context) -> Steps[None]:
    """Before a hand-edited file is replaced or removed: move it to where the operation keeps what it removes."""
    if not _edited(change.before) or _edited(change.after) or not context.removed_id:
        return
    kept = _kept(change, context)
    (there,) = yield [Stat(kept)]
    if not there.exists:
        yield [Move(path, kept)]


def bring_back_edited(change: Change, path: str, context: Context) -> Steps[bool]:
    """Where a rollback wants a hand-edited file again: move it back.

    Returns:
        Whether it was wanted (and is there now).

    Raises:
        HostingError: ``edited_by_hand``, the file is not kept, and nobody but its author could write it again.
    """
    if not _edited(change.after):
        return False
    if context.removed_id:
        yield [Move(_kept(change, context), path, replace=True)]
    (there,) = yield [Read(path)]
    if digest_of(there.data) != str(getattr(change.after, "edited", "")).partition("\n")[0]:
        raise HostingError(
            N_("%(ref)s had been edited by hand, and that text is not kept.", ref=change.ref),
            code="edited_by_hand",
            hint=N_("Apply the service again to have NPanel's own form, then edit it anew."),
        )
    return True


def _edited(resource: Resource | None) -> bool:
    return bool(getattr(resource, "edited", ""))


def _kept(change: Change, context: Context) -> str:
    return removed_path(context, change.ref) + ".edited"
