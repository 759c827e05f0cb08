"""Reach a path one component at a time by directory descriptors, never through a link somebody else made."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .wire import Refused

MAX_LINKS = 16
_WALK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Makes a missing directory; called with the parent's descriptor, the name, and whether the parent is trusted.
Maker = Callable[[int, str, bool], None]


class Place(NamedTuple):
    """Where a path's last component is.

    Args:
        directory: descriptor (O_PATH) of the directory that holds it.
        name: the last component; "" for the root directory itself.
        trusted: only root can change any directory on the way.
    """

    directory: int
    name: str
    trusted: bool


def components(path: str) -> list[str]:
    """The parts of an absolute, normalised path.

    Raises:
        Refused: ``unsafe_path``: relative, ``..``, ``.``, an empty or over-long part, NUL.
    """
    if not path.startswith("/") or "\0" in path:
        raise Refused("unsafe_path", f"{path!r} is no absolute path")
    parts = path.split("/")[1:]
    if parts == [""]:
        return []
    if any(part in ("", ".", "..") for part in parts):
        raise Refused("unsafe_path", f"{path!r} is not a normalised path")
    if len(os.fsencode(path)) > 4095 or any(len(os.fsencode(part)) > 255 for part in parts):
        raise Refused("unsafe_path", "the path or a part of it is too long")
    return parts


@contextlib.contextmanager
def parent_of(path: str, make: Maker | None = None) -> Iterator[Place]:
    """The place of ``path``, its directories made by ``make`` when they are missing.

    Raises:
        FileNotFoundError: a directory on the way is missing (without ``make``).
        Refused: ``is_link``, ``not_directory``, ``unsafe_path``.
    """
    parts = components(path)
    directory, trusted = _walk(parts[:-1], make)
    try:
        yield Place(directory, parts[-1] if parts else "", trusted)
    finally:
        os.close(directory)


@contextlib.contextmanager
def directory_at(path: str) -> Iterator[int]:
    """A readable descriptor of the directory at ``path``.

    Raises:
        FileNotFoundError: it is missing.
        Refused: as :func:`parent_of`.
    """
    directory, _ = _walk(components(path), None)
    try:
        readable = reopen(directory)
    finally:
        os.close(directory)
    try:
        yield readable
    finally:
        os.close(readable)


def reopen(directory: int) -> int:
    """A readable descriptor of a directory held by an O_PATH one."""
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)


def sync_directory(directory: int) -> None:
    """Make a directory's entries durable; one that its user may not read is left to the file system."""
    try:
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_trusted(facts: os.stat_result) -> bool:
    """Whether only root can change the entries of a directory with these facts."""
    return facts.st_uid == 0 and not facts.st_mode & 0o022


def _walk(parts: list[str], make: Maker | None) -> tuple[int, bool]:
    """Open a directory from the root down; each link on the way that root made restarts the walk at its target."""
    for _ in range(MAX_LINKS):
        walked = _walk_once(parts, make)
        if not isinstance(walked, list):
            return walked
        parts = walked
    raise Refused("is_link", "too many links on the way")


def _walk_once(parts: list[str], make: Maker | None) -> tuple[int, bool] | list[str]:
    """The directory and whether it is trusted, or the parts to walk instead because one was a trusted link."""
    here = os.open("/", _WALK)
    trusted = is_trusted(os.fstat(here))
    for index, name in enumerate(parts):
        try:
            below = _enter(here, name, make, trusted)
            if below is None:
                return _follow(here, parts, index, trusted)
        finally:
            os.close(here)
        here = below
        trusted = trusted and is_trusted(os.fstat(here))
    return here, trusted


def _enter(here: int, name: str, make: Maker | None, trusted: bool) -> int | None:
    """Open a directory below ``here``, made if need be; None when the name is a link."""
    try:
        return os.open(name, _WALK, dir_fd=here)
    except FileNotFoundError:
        if make is None:
            raise
        make(here, name, trusted)
        return os.open(name, _WALK, dir_fd=here)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
    if not stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
        raise Refused("not_directory", f"{name!r} on the way is no directory")
    return None


def _follow(here: int, parts: list[str], index: int, trusted: bool) -> list[str]:
    """The parts of the path with a link replaced by its target: only root's links where only root can make one.

    Debian ships such links (/bin, /var/run, /lib64); any other link on the way is refused.
    """
    name = parts[index]
    facts = os.stat(name, dir_fd=here, follow_symlinks=False)
    if not trusted or facts.st_uid != 0 or not stat.S_ISLNK(facts.st_mode):
        raise Refused("is_link", f"/{'/'.join(parts[: index + 1])} is a link that somebody else could have made")
    target = os.readlink(name, dir_fd=here)
    whole = os.path.normpath(os.path.join("/" + "/".join(parts[:index]), target, *parts[index + 1 :]))
    return components("/" + whole.lstrip("/"))
