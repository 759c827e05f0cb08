"""Whole files: read one or all of a directory, write one atomically."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
from typing import Any

from . import failpoints
from .directories import missing_parents
from .facts import describe, facts_at
from .fields import Fields
from .ownership import Wanted, wanted_of
from .paths import Place, directory_at, parent_of, sync_directory
from .temporary import open_temporary, sweep, temporary_name
from .wire import Refused, to_text

READ_MAX = 64 * 1024 * 1024
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read(fields: Fields) -> dict[str, Any]:
    """One regular file with its facts."""
    try:
        with parent_of(fields.text("path")) as place:
            return _read_entry(place.directory, place.name, fields.whole("limit", 0, READ_MAX, READ_MAX))
    except FileNotFoundError:
        return {"exists": False}


def read_all(fields: Fields) -> dict[str, Any]:
    """Every regular file of a directory whose name matches; ``limit`` counts their bytes together."""
    pattern, left = fields.text("pattern", "*"), fields.whole("limit", 0, READ_MAX, READ_MAX)
    entries: dict[str, Any] = {}
    try:
        with directory_at(fields.text("directory")) as directory:
            for name in sorted(fnmatch.filter(os.listdir(directory), pattern)):
                facts = facts_at(directory, name)
                if facts is None or not stat.S_ISREG(facts.st_mode) or name.startswith(temporary_name("")):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    entries[name] = _read_entry(directory, name, left)
                    left -= entries[name]["size"]
    except FileNotFoundError:
        return {"entries": {}}
    return {"entries": entries}


def _read_entry(directory: int, name: str, limit: int) -> dict[str, Any]:
    handle = _open_regular(directory, name)
    try:
        facts, data = os.fstat(handle), _content(handle, limit)
    finally:
        os.close(handle)
    return {**describe(facts), "size": len(data), "data": to_text(data)}


def _open_regular(directory: int, name: str) -> int:
    """Open a regular file for reading without following a link or waiting for a pipe's writer."""
    facts = facts_at(directory, name)
    if facts is None:
        raise FileNotFoundError(name)
    _need_regular(facts, name)
    handle = os.open(name, _OPEN, dir_fd=directory)
    try:
        _need_regular(os.fstat(handle), name)
    except Refused:
        os.close(handle)
        raise
    return handle


def _need_regular(facts: os.stat_result, name: str) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise Refused("is_link", f"{name!r} is a link")
    if not stat.S_ISREG(facts.st_mode):
        raise Refused("not_regular", f"{name!r} is no regular file")


def _content(handle: int, limit: int) -> bytes:
    parts, left = [], limit + 1
    while left > 0 and (part := os.read(handle, min(left, 1024 * 1024))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise Refused("too_large", f"the file is larger than {limit} bytes")
    return b"".join(parts)


def write(fields: Fields) -> dict[str, Any]:
    """Write one whole file; nothing is touched when content, owner and mode are there already."""
    data, wanted = fields.binary("data"), wanted_of(fields, 0o644)
    make = missing_parents(0o750 if fields.user else 0o755) if fields.flag("parents") else None
    with parent_of(fields.text("path"), make) as place:
        facts = facts_at(place.directory, place.name)
        if facts is not None:
            _need_regular(facts, place.name)
            if fields.flag("exclusive") or _is_already(place, facts, data, wanted):
                sweep(place)
                return {"changed": False}
        return {"changed": _replace(place, data, wanted, fields)}


def _is_already(place: Place, facts: os.stat_result, data: bytes, wanted: Wanted) -> bool:
    """Whether the file needs no change; one with a second name (hard link) is always written anew."""
    if not wanted.matches(facts) or facts.st_size != len(data) or facts.st_nlink != 1:
        return False
    try:
        handle = _open_regular(place.directory, place.name)
    except OSError:
        return False
    try:
        return _content(handle, len(data)) == data
    except Refused:
        return False
    finally:
        os.close(handle)


def _replace(place: Place, data: bytes, wanted: Wanted, fields: Fields) -> bool:
    """Temporary file, fsync, rename, fsync of the directory; False when ``exclusive`` lost a race."""
    handle, name = open_temporary(place), temporary_name(place.name)
    try:
        _fill(handle, data, wanted)
        failpoints.hit(fields.failpoint, failpoints.BEFORE_RENAME)
        changed = _put_in_place(place, name, exclusive=fields.flag("exclusive"))
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=place.directory)
        raise
    finally:
        os.close(handle)
    sync_directory(place.directory)
    failpoints.hit(fields.failpoint, failpoints.AFTER_RENAME)
    return changed


def _fill(handle: int, data: bytes, wanted: Wanted) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    facts = os.fstat(handle)
    if (facts.st_uid, facts.st_gid) != (wanted.uid, wanted.gid):
        if facts.st_nlink != 1:
            raise Refused("hard_linked", "somebody linked the file while it was written")
        os.fchown(handle, wanted.uid, wanted.gid)
    os.fchmod(handle, wanted.mode)
    os.fsync(handle)


def _put_in_place(place: Place, temporary: str, *, exclusive: bool) -> bool:
    here = place.directory
    if not exclusive:
        os.rename(temporary, place.name, src_dir_fd=here, dst_dir_fd=here)
        return True
    try:
        os.link(temporary, place.name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary, dir_fd=here)
    return True
