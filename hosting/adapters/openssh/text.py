"""The access of a service as the text of its file of keys, and such a text (whoever wrote it) as keys."""

import re

from hosting.errors import HostingError, UnsafeValue
from hosting.state import SshAccess, SshKey
from hosting.state.ssh import MAX_KEYS, MODES, NONE, checked_key, ssh_key
from hosting.texts import N_

_HEAD = "# Written by NPanel. Locked: {}.\n"
_READ_HEAD = re.compile(r"# Written by NPanel\. Locked: (yes|no)\.")
#: Before a key that opens nothing for now; sshd takes the line for a comment.
_SHUT = "# "


def render(access: SshAccess) -> str:
    """The file that sshd reads: see sshd(8), AUTHORIZED_KEYS FILE FORMAT.

    Raises:
        UnsafeValue: a key that must not be written.
    """
    if access.mode not in MODES:
        raise UnsafeValue(N_("%(value)s can't be written to a node", value=repr(access.mode)))
    if not access.keys or len(access.keys) > MAX_KEYS:
        raise UnsafeValue(N_("%(owner)s has no keys, or too many.", owner=access.owner))
    try:
        lines = [line_of(checked_key(key)) for key in access.keys]
    except HostingError as error:
        raise UnsafeValue(error.detail_text) from error
    before = _SHUT if access.locked or access.mode == NONE else ""
    return _HEAD.format("yes" if access.locked else "no") + "".join(f"{before}{line}\n" for line in lines)


def line_of(key: SshKey) -> str:
    """A key as one line of the file. It begins with the key's type, so no option stands before it."""
    return f"{key.type} {key.blob} {key.comment}".rstrip()


def parse(text: str) -> tuple[tuple[SshKey, ...], bool]:
    """The keys of a file, open or shut, and whether it says that it is locked; lines that are none are left out."""
    head, *lines = text.splitlines() or [""]
    match = _READ_HEAD.fullmatch(head)
    return tuple(sorted(filter(None, map(_key, lines)))), match is not None and match[1] == "yes"


def _key(line: str) -> SshKey | None:
    try:
        return ssh_key(line.removeprefix(_SHUT))
    except HostingError:
        return None
