"""Names of the file system: make directories and links, move entries."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Any

from .facts import facts_at
from .fields import Fields
from .ownership import Wanted, wanted_of
from .paths import Maker, Place, parent_of, sync_directory
from .temporary import sweep, temporary_name
from .wire import Refused

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def missing_parents(mode: int) -> Maker:
    """A maker of missing directories that belong to the acting user."""

    def make(parent: int, name: str, trusted: bool) -> None:
        _make(parent, name, trusted, Wanted(os.geteuid(), os.getegid(), mode))

    return make


def mkdir(fields: Fields) -> dict[str, Any]:
    """Make a directory and its missing parents with owner and mode; an existing one gets them."""
    wanted = wanted_of(fields, 0o755)

    def make(parent: int, name: str, trusted: bool) -> None:
        _make(parent, name, trusted, wanted)

    with parent_of(fields.text("path"), make) as place:
        _need_name(place)
        if facts_at(place.directory, place.name) is None:
            make(place.directory, place.name, place.trusted)
            return {"changed": True}
        return {"changed": _adopt(place.directory, place.name, place.trusted, wanted)}


def _make(parent: int, name: str, trusted: bool, wanted: Wanted) -> None:
    with contextlib.suppress(FileExistsError):  # another batch made it meanwhile
        os.mkdir(name, 0o700, dir_fd=parent)
    _adopt(parent, name, trusted, wanted)
    sync_directory(parent)


def _adopt(parent: int, name: str, trusted: bool, wanted: Wanted) -> bool:
    """Give a directory its owner and mode; True when that changed something."""
    facts = facts_at(parent, name)
    if facts is not None and not stat.S_ISDIR(facts.st_mode):
        kind = "is_link" if stat.S_ISLNK(facts.st_mode) else "not_directory"
        raise Refused(kind, f"{name!r} is there already and is no directory")
    handle = os.open(name, _OPEN, dir_fd=parent)
    try:
        facts = os.fstat(handle)
        if wanted.matches(facts):
            return False
        if not trusted:
            _need_harmless(handle, facts, name, wanted)
        if (facts.st_uid, facts.st_gid) != (wanted.uid, wanted.gid):
            os.fchown(handle, wanted.uid, wanted.gid)
        os.fchmod(handle, wanted.mode)
    finally:
        os.close(handle)
    return True


def _need_harmless(handle: int, facts: os.stat_result, name: str, wanted: Wanted) -> None:
    """Refuse to open up a directory that a customer may have moved to where another one was meant to be.

    Where others can rename entries, a directory may change hands only when it is empty, or is its owner's already.
    """
    if os.geteuid() != 0 or facts.st_uid == wanted.uid != 0 or not os.listdir(handle):
        return
    raise Refused("untrusted_place", f"the directory {name!r} is not empty and others could have put it there")


def symlink(fields: Fields) -> dict[str, Any]:
    """Make or replace a link atomically, only where nobody but root can make one."""
    target = fields.text("target")
    if not target or len(os.fsencode(target)) > 4095:
        raise Refused("bad_request", "the link's target is empty or too long")
    with parent_of(fields.text("path")) as place:
        _need_name(place)
        if os.geteuid() == 0 and not place.trusted:
            raise Refused("untrusted_place", "others can write to that directory, so root makes no link there")
        if _links_to(place, target):
            return {"changed": False}
        temporary, here = temporary_name(place.name), place.directory
        sweep(place)
        os.symlink(target, temporary, dir_fd=here)
        os.rename(temporary, place.name, src_dir_fd=here, dst_dir_fd=here)
        sync_directory(here)
        return {"changed": True}


def _links_to(place: Place, target: str) -> bool:
    facts = facts_at(place.directory, place.name)
    if facts is None:
        return False
    if not stat.S_ISLNK(facts.st_mode):
        raise Refused("exists", f"{place.name!r} is there already and is no link")
    return os.readlink(place.name, dir_fd=place.directory) == target


def move(fields: Fields) -> dict[str, Any]:
    """Rename within one file system; a missing source changes nothing."""
    target = fields.text("target")
    try:
        with parent_of(fields.text("source")) as source:
            _need_name(source)
            if facts_at(source.directory, source.name) is None:
                return {"changed": False}
            with parent_of(target, missing_parents(0o700)) as place:
                _rename(source, place, replace=fields.flag("replace"))
    except FileNotFoundError:
        return {"changed": False}
    return {"changed": True}


def _rename(source: Place, target: Place, *, replace: bool) -> None:
    _need_name(target)
    if not replace and facts_at(target.directory, target.name) is not None:
        raise Refused("exists", f"{target.name!r} is there already")
    os.rename(source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory)
    sync_directory(target.directory)
    sync_directory(source.directory)


def _need_name(place: Place) -> None:
    if not place.name:
        raise Refused("unsafe_path", "the root directory itself cannot be changed")
