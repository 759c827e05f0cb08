"""The temporary name beside a file that is being written: one per file, locked while in use, swept when left behind."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time

from .paths import Place
from .wire import Refused

_PREFIX = ".npanel-tmp-"
_PATIENCE = 10.0
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def temporary_name(name: str) -> str:
    """The one temporary name for a file's name; hashed when it would be too long for the file system."""
    if len(os.fsencode(name)) > 255 - len(_PREFIX):
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return _PREFIX + name


def open_temporary(place: Place) -> int:
    """Make the temporary file (0600, empty) and hold its lock until it is closed.

    Another writer of the same file is waited for; what a dead one left is removed first.

    Raises:
        Refused: ``busy`` when the other writer does not finish.
    """
    name, deadline = temporary_name(place.name), time.monotonic() + _PATIENCE
    if not place.name:
        raise Refused("unsafe_path", "the root directory is no file")
    while time.monotonic() < deadline:
        try:
            handle = os.open(name, _MAKE, 0o600, dir_fd=place.directory)
        except FileExistsError:
            if not sweep(place):
                time.sleep(0.01)
            continue
        if _lock(handle) and _is_still(handle, name, place.directory):
            return handle
        os.close(handle)
    raise Refused("busy", f"another writer of {place.name!r} does not finish")


def sweep(place: Place) -> bool:
    """Remove the temporary name a dead writer left; False when a living one holds it."""
    name, here = temporary_name(place.name), place.directory
    try:
        facts = os.stat(name, dir_fd=here, follow_symlinks=False)
        if stat.S_ISDIR(facts.st_mode):
            raise Refused("not_regular", f"{name!r} is in the way")
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            os.unlink(name, dir_fd=here)
            return True
        handle = os.open(name, _LOOK, dir_fd=here)
    except FileNotFoundError:
        return True
    try:
        if not _lock(handle):
            return False
        if _is_still(handle, name, here):
            os.unlink(name, dir_fd=here)
        return True
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(handle: int, name: str, directory: int) -> bool:
    """Whether the name still belongs to the opened file (a sweeper may have come between opening and locking)."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        return False
