"""An in-memory file system with owners, modes and links that answers file requests as the agent does."""

import fnmatch
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field

from hosting.connections.agent.paths import MAX_LINKS, components
from hosting.connections.agent.wire import Refused
from hosting.connections.base import (
    List,
    MakeDirectory,
    Move,
    Read,
    ReadAll,
    Remove,
    Reply,
    Request,
    Stat,
    Symlink,
    Write,
)

_DIRECTORIES = "etc home root run srv tmp usr usr/bin usr/sbin usr/lib var var/lib var/log var/www var/spool".split()
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "var/run": "/run"}
_READ, _WRITE, _SEARCH = 4, 2, 1
_STICKY = 0o1000


@dataclass(slots=True)
class Entry:
    """A file, directory or link of the fake node."""

    type: str
    mode: int
    owner: str = "root"
    group: str = "root"
    data: bytes = b""
    target: str = ""
    children: dict[str, "Entry"] = field(default_factory=dict)
    mtime: float = 0.0
    links: int = 1

    def facts(self, *, data: bytes = b"") -> Reply:
        """What Stat, List and Read tell of it."""
        return Reply(
            exists=True,
            mode=self.mode,
            owner=self.owner,
            group=self.group,
            type=self.type,
            size=len(self.data),
            mtime=self.mtime,
            links=self.links,
            target=self.target,
            data=data,
        )

    @property
    def is_trusted(self) -> bool:
        """Whether only root can change the entries of this directory."""
        return self.owner == "root" and not self.mode & 0o022


@dataclass(frozen=True, slots=True)
class FakeUser:
    """A Linux user of the fake node; ``group`` is the primary group, ``groups`` the supplementary ones."""

    name: str
    group: str
    groups: tuple[str, ...] = ()
    home: str = "/nonexistent"

    def may(self, entry: Entry, bits: int) -> bool:
        """Whether the kernel would let this user do that: 4 read, 2 write, 1 search."""
        if self.name == "root":
            return True
        if self.name == entry.owner:
            return entry.mode >> 6 & bits == bits
        shift = 3 if entry.group in (self.group, *self.groups) else 0
        return entry.mode >> shift & bits == bits


@dataclass(slots=True)
class _Place:
    """Where a path's last component is."""

    directory: Entry
    name: str
    trusted: bool

    @property
    def entry(self) -> Entry | None:
        return self.directory.children.get(self.name) if self.name else self.directory


# Called with the parent and whether it is trusted; makes a missing directory.
_Maker = Callable[[Entry, bool], Entry]


class _Missing(Exception):
    """A directory on the way does not exist."""


class FakeTree:
    """The file system; every method performs one request as ``user`` or raises Refused."""

    def __init__(self) -> None:
        self.root = Entry("directory", 0o755)
        self.clock = 1_700_000_000.0
        for path in _DIRECTORIES:
            self.at(posixpath.dirname(path)).children[posixpath.basename(path)] = Entry("directory", 0o755)
        for path, target in _LINKS.items():
            link = Entry("link", 0o777, target=target)
            self.at(posixpath.dirname(path)).children[posixpath.basename(path)] = link
        self.at("root").mode, self.at("tmp").mode = 0o700, 0o1777

    def at(self, path: str) -> Entry:
        """The entry at a path without links, for tests. Raises KeyError when it is missing."""
        entry = self.root
        for part in path.strip("/").split("/"):
            entry = entry.children[part] if part else entry
        return entry

    def perform(self, request: Request, user: FakeUser) -> Reply:
        """Perform a file request."""
        return _OPERATIONS[type(request)](self, request, user)

    def read(self, request: Read, user: FakeUser) -> Reply:
        try:
            entry = self._place(request.path, user).entry
        except _Missing:
            entry = None
        if entry is None:
            return Reply(exists=False)
        _need_regular(entry, request.path)
        return self._content(entry, request.path, request.limit, user)

    def read_all(self, request: ReadAll, user: FakeUser) -> Reply:
        try:
            directory = self._directory(request.directory, user)
        except _Missing:
            return Reply()
        left, entries = request.limit, {}
        for name in sorted(fnmatch.filter(directory.children, request.pattern)):
            if directory.children[name].type == "file":
                entries[name] = self._content(directory.children[name], name, left, user)
                left -= entries[name].size
        return Reply(entries=entries)

    def list_directory(self, request: List, user: FakeUser) -> Reply:
        try:
            directory = self._directory(request.path, user)
        except _Missing:
            return Reply()
        return Reply(entries={name: directory.children[name].facts() for name in sorted(directory.children)})

    def stat(self, request: Stat, user: FakeUser) -> Reply:
        try:
            entry = self._place(request.path, user).entry
        except _Missing:
            entry = None
        return Reply(exists=False) if entry is None else entry.facts()

    def write(self, request: Write, user: FakeUser) -> Reply:
        owner, group = _ownership(request, user)
        make = self._maker(user, 0o755 if user.name == "root" else 0o750) if request.parents else None
        place = self._existing_place(request.path, user, make)
        old, new = place.entry, Entry("file", request.mode, owner, group, request.data)
        if old is not None:
            _need_regular(old, request.path)
            same = (old.mode, old.owner, old.group, old.data, old.links) == (request.mode, owner, group, new.data, 1)
            if request.exclusive or same:
                return Reply(changed=False)
        _need_change(place, user)
        self._put(place, new)
        return Reply(changed=True)

    def mkdir(self, request: MakeDirectory, user: FakeUser) -> Reply:
        owner, group = _ownership(request, user)

        def make(parent: Entry, trusted: bool) -> Entry:
            return Entry("directory", request.mode, owner, group)

        place = self._existing_place(request.path, user, make)
        _need_name(place)
        if place.entry is None:
            _need_change(place, user)
            self._put(place, make(place.directory, place.trusted))
            return Reply(changed=True)
        return Reply(changed=_adopt(place.entry, place, user, (request.mode, owner, group)))

    def symlink(self, request: Symlink, user: FakeUser) -> Reply:
        place = self._existing_place(request.path, user)
        _need_name(place)
        if not request.target:
            raise Refused("bad_request", "the link's target is empty or too long")
        if not place.trusted:
            raise Refused("untrusted_place", "others can write to that directory, so root makes no link there")
        if place.entry is not None and place.entry.type != "link":
            raise Refused("exists", f"{place.name!r} is there already and is no link")
        if place.entry is not None and place.entry.target == request.target:
            return Reply(changed=False)
        self._put(place, Entry("link", 0o777, target=request.target))
        return Reply(changed=True)

    def remove(self, request: Remove, user: FakeUser) -> Reply:
        try:
            place = self._place(request.path, user)
        except _Missing:
            return Reply(changed=False)
        _need_name(place)
        if place.entry is None:
            return Reply(changed=False)
        if place.entry.children and not request.recursive:
            raise Refused("not_empty", f"{request.path}: Directory not empty")
        _need_change(place, user)
        del place.directory.children[place.name]
        return Reply(changed=True)

    def move(self, request: Move, user: FakeUser) -> Reply:
        try:
            source = self._place(request.source, user)
        except _Missing:
            return Reply(changed=False)
        _need_name(source)
        moved = source.entry
        if moved is None:
            return Reply(changed=False)
        target = self._place(request.target, user, self._maker(user, 0o700))
        _need_name(target)
        if target.entry is not None and (not request.replace or target.entry.children):
            raise Refused("exists", f"{target.name!r} is there already")
        _need_change(source, user)
        _need_change(target, user)
        del source.directory.children[source.name]
        target.directory.children[target.name] = moved
        return Reply(changed=True)

    def _put(self, place: _Place, entry: Entry) -> None:
        self.clock += 1
        entry.mtime = self.clock
        place.directory.children[place.name] = entry

    def _content(self, entry: Entry, path: str, limit: int, user: FakeUser) -> Reply:
        if not user.may(entry, _READ):
            raise Refused("no_permission", f"{path}: Permission denied")
        if len(entry.data) > limit:
            raise Refused("too_large", f"the file is larger than {limit} bytes")
        return entry.facts(data=entry.data)

    def _maker(self, user: FakeUser, mode: int) -> _Maker:
        return lambda parent, trusted: Entry("directory", mode, user.name, user.group)

    def _directory(self, path: str, user: FakeUser) -> Entry:
        directory, _ = self._walk(components(path), user, None)
        if not user.may(directory, _READ):
            raise Refused("no_permission", f"{path}: Permission denied")
        return directory

    def _existing_place(self, path: str, user: FakeUser, make: _Maker | None = None) -> _Place:
        try:
            return self._place(path, user, make)
        except _Missing as error:
            raise Refused("not_found", f"{path}: No such file or directory") from error

    def _place(self, path: str, user: FakeUser, make: _Maker | None = None) -> _Place:
        parts = components(path)
        directory, trusted = self._walk(parts[:-1], user, make)
        if not user.may(directory, _SEARCH):
            raise Refused("no_permission", f"{path}: Permission denied")
        return _Place(directory, parts[-1] if parts else "", trusted)

    def _walk(self, parts: list[str], user: FakeUser, make: _Maker | None) -> tuple[Entry, bool]:
        for _ in range(MAX_LINKS):
            walked = self._walk_once(parts, user, make)
            if not isinstance(walked, str):
                return walked
            parts = components(walked)
        raise Refused("is_link", "too many links on the way")

    def _walk_once(self, parts: list[str], user: FakeUser, make: _Maker | None) -> tuple[Entry, bool] | str:
        """The directory and whether it is trusted, or the path to walk instead because root's link was on the way."""
        here, trusted = self.root, self.root.is_trusted
        for index, name in enumerate(parts):
            below = self._enter(_Place(here, name, trusted), user, make)
            if below.type == "link":
                done = "/" + "/".join(parts[:index])
                if not trusted or below.owner != "root":
                    raise Refused("is_link", f"{done}/{name} is a link that somebody else could have made")
                return posixpath.normpath(posixpath.join(done, below.target, *parts[index + 1 :]))
            here, trusted = below, trusted and below.is_trusted
        return here, trusted

    def _enter(self, place: _Place, user: FakeUser, make: _Maker | None) -> Entry:
        if not user.may(place.directory, _SEARCH):
            raise Refused("no_permission", f"{place.name}: Permission denied")
        if place.entry is None:
            if make is None:
                raise _Missing
            _need_change(place, user)
            self._put(place, make(place.directory, place.trusted))
        entry = place.directory.children[place.name]
        if entry.type not in ("directory", "link"):
            raise Refused("not_directory", f"{place.name!r} on the way is no directory")
        return entry


def _ownership(request: Write | MakeDirectory, user: FakeUser) -> tuple[str, str]:
    return (request.owner, request.group) if user.name == "root" else (user.name, user.group)


def _need_name(place: _Place) -> None:
    if not place.name:
        raise Refused("unsafe_path", "the root directory itself cannot be changed")


def _need_regular(entry: Entry, path: str) -> None:
    if entry.type == "link":
        raise Refused("is_link", f"{path!r} is a link")
    if entry.type != "file":
        raise Refused("not_regular", f"{path!r} is no regular file")


def _need_change(place: _Place, user: FakeUser) -> None:
    """Whether the user may add, replace or remove that entry of its directory."""
    sticky = place.directory.mode & _STICKY and place.entry is not None
    foreign = place.entry is not None and user.name not in ("root", place.entry.owner, place.directory.owner)
    if not user.may(place.directory, _WRITE | _SEARCH) or (sticky and foreign):
        raise Refused("no_permission", f"{place.name}: Permission denied")


def _adopt(entry: Entry, place: _Place, user: FakeUser, wanted: tuple[int, str, str]) -> bool:
    """Give an existing directory its owner and mode; see ``agent.directories`` for when root refuses."""
    if entry.type != "directory":
        kind = "is_link" if entry.type == "link" else "not_directory"
        raise Refused(kind, f"{place.name!r} is there already and is no directory")
    if (entry.mode, entry.owner, entry.group) == wanted:
        return False
    if user.name not in ("root", entry.owner):
        raise Refused("no_permission", f"{place.name}: Operation not permitted")
    if user.name == "root" and not place.trusted and entry.children and not entry.owner == wanted[1] != "root":
        raise Refused(
            "untrusted_place", f"the directory {place.name!r} is not empty and others could have put it there"
        )
    entry.mode, entry.owner, entry.group = wanted
    return True


_OPERATIONS: dict[type[Request], Callable[..., Reply]] = {
    Read: FakeTree.read,
    ReadAll: FakeTree.read_all,
    List: FakeTree.list_directory,
    Stat: FakeTree.stat,
    Write: FakeTree.write,
    MakeDirectory: FakeTree.mkdir,
    Symlink: FakeTree.symlink,
    Remove: FakeTree.remove,
    Move: FakeTree.move,
}
