"""Remove a file, a link or a whole tree by directory descriptors, whatever its owner does to it meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import Any

from .facts import facts_at
from .fields import Fields
from .paths import parent_of, sync_directory
from .temporary import sweep
from .wire import Refused

# A tree deeper than this is taken apart in pieces, so that neither descriptors nor the stack run out.
MAX_DEPTH = 24
PATIENCE = 110.0
# The directory was filled again, or is gone already.
_NEXT_ROUND = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(fields: Fields) -> dict[str, Any]:
    """Remove what is at a path; a missing path is fine."""
    try:
        with parent_of(fields.text("path")) as place:
            if not place.name:
                raise Refused("unsafe_path", "the root directory itself cannot be removed")
            sweep(place)
            if facts_at(place.directory, place.name) is None:
                return {"changed": False}
            _remove_entry(place.directory, place.name, recursive=fields.flag("recursive"))
            sync_directory(place.directory)
    except FileNotFoundError:
        return {"changed": False}
    return {"changed": True}


def _remove_entry(parent: int, name: str, *, recursive: bool) -> None:
    facts = facts_at(parent, name)
    if facts is None:
        return
    if not stat.S_ISDIR(facts.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    if recursive:
        _Tree(parent, name).empty()
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=parent)


class _Tree:
    """A directory that is being emptied; ``parent`` is the descriptor of the directory that holds it."""

    def __init__(self, parent: int, name: str) -> None:
        self.name = name
        self.top = os.open(name, _OPEN, dir_fd=parent)
        self.device = os.fstat(self.top).st_dev
        if os.fstat(parent).st_dev != self.device:
            os.close(self.top)
            raise Refused("mounted", f"a file system is mounted at {name!r}")
        self.pieces = 0

    def empty(self) -> None:
        """Go over it until it is empty: deep parts come up to the top, and its owner may add files meanwhile."""
        deadline = time.monotonic() + PATIENCE
        try:
            while os.listdir(self.top):
                if time.monotonic() > deadline:
                    raise Refused("busy", f"{self.name!r} is still being filled or too large to remove in time")
                self._empty(self.top, 0, deadline)
        finally:
            os.close(self.top)

    def _empty(self, directory: int, depth: int, deadline: float) -> None:
        with os.scandir(directory) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        for name, is_directory in entries:
            if time.monotonic() > deadline:
                return
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                if is_directory:
                    self._descend(directory, name, depth, deadline)
                else:
                    os.unlink(name, dir_fd=directory)

    def _descend(self, directory: int, name: str, depth: int, deadline: float) -> None:
        if depth >= MAX_DEPTH:
            self.pieces += 1
            piece = f".npanel-tmp-piece-{os.getpid()}-{self.pieces}-{time.monotonic_ns()}"
            os.rename(name, piece, src_dir_fd=directory, dst_dir_fd=self.top)
            return
        below = os.open(name, _OPEN, dir_fd=directory)
        try:
            if os.fstat(below).st_dev != self.device:
                raise Refused("mounted", f"a file system is mounted at {name!r} inside {self.name!r}")
            self._empty(below, depth + 1, deadline)
        finally:
            os.close(below)
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno not in _NEXT_ROUND:
                raise
