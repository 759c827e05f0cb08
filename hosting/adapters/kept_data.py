"""What deletions keep aside: purged for good, after it was written into a final archive that was read back."""

import json
import re
from collections.abc import Sequence
from typing import ClassVar

from hosting.adapters._values import OWNER, checked, of_type
from hosting.adapters.base import REMOVED_ROOT, Adapter, NodeFacts, Scope, register
from hosting.adapters.system_user import homes_removed
from hosting.connections.base import Context, MakeDirectory, Move, Read, Remove, Reply, Run, Stat, Steps, Write
from hosting.errors import HostingError, NodeFileError
from hosting.state import Change, FinalArchive, KeptData, Resource
from hosting.texts import N_

#: Where final archives lie, readable by root only.
ARCHIVES = "/var/lib/npanel/archives"
HOMES_REMOVED = "/home/.npanel-removed"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Added to a folder's name when its purge begins: from then on nobody restores the half of it.
_DOOMED = ".purged"
_PATIENCE = 1500.0
#: A tree that takes longer than one request may is removed by several.
_ROUNDS = 12


@register
class KeptDataAdapter(Adapter):
    """Folders below ``removed`` and final archives. Only who asks for them by name sees them, so they are no drift."""

    kind = "kept_data"
    handles: ClassVar[tuple[type[Resource], ...]] = (KeptData, FinalArchive)
    owns = (REMOVED_ROOT, HOMES_REMOVED, ARCHIVES)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        archives, kept = scope.keys(FinalArchive.kind) or [], scope.keys(KeptData.kind) or []
        owner = scope.owner or ""
        if not (archives or kept) or not owner:
            return ()
        wished = [FinalArchive(owner, key.partition("-")[2]) for key in archives]
        folders = [KeptData(owner, key, archive=archives[0] if archives else "") for key in kept]
        requests = [request for archive in wished for request in _look(archive)]
        requests += [Stat(path) for folder in folders for path in _all_places(folder)]
        replies = list((yield requests))
        found: list[Resource] = [a for a in wished if _is_whole(a, replies.pop(0), replies.pop(0))]
        for folder in folders:
            mine, replies = replies[:4], replies[4:]
            if any(reply.exists for reply in mine):
                partial = any(reply.exists for reply in mine[2:])
                found.append(KeptData(owner, folder.removed_id, folder.archive, partial))
        return tuple(found)

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Archive, or remove for good.

        Raises:
            HostingError: ``irreversible``: what was purged is to come back.
        """
        if change.kind == FinalArchive.kind:
            archive = of_type(FinalArchive, change.resource)
            _check(archive.owner, archive.source)
            yield from _write(archive) if change.after is not None else _forget(archive)
            return
        folder = of_type(KeptData, change.resource)
        _check(folder.owner, folder.removed_id)
        if change.after is not None:
            raise HostingError(
                N_("What was removed for good can't be brought back."),
                code="irreversible",
                hint=N_("Try the purge again; the final archive has what was there."),
            )
        yield from _purge(folder)

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Say how large the archive is and what its checksum is."""
        if not isinstance(resource, FinalArchive):
            return ""
        (note,) = yield [Read(_note(resource))]
        told = json.loads(note.text)
        return f"{told['size']} bytes, read back, sha256 {told['sha256'][:16]}"


def _check(owner: str, identity: str) -> None:
    checked(owner, OWNER, N_("user name"))
    checked(identity, _ID, N_("operation id"))


def archive_path(archive: FinalArchive) -> str:
    """Where an archive lies on its node."""
    return f"{ARCHIVES}/{archive.key}.tar.gz"


def _note(archive: FinalArchive) -> str:
    return f"{ARCHIVES}/{archive.key}.json"


def _look(archive: FinalArchive) -> tuple[Read, Stat]:
    return Read(_note(archive)), Stat(archive_path(archive))


def _is_whole(archive: FinalArchive, note: Reply, file: Reply) -> bool:
    """The note is written last; an archive without it, or of another size, is none."""
    if not (note.exists and file.exists):
        return False
    told = json.loads(note.text)
    return bool(told["size"] == file.size and told["source"] == archive.source)


def _places(folder: KeptData) -> tuple[str, str]:
    """In NPanel's own place, and beside the homes (where those are another file system)."""
    return f"{REMOVED_ROOT}/{folder.removed_id}", homes_removed(f"/home/{folder.owner}", folder.removed_id)


def _all_places(folder: KeptData) -> tuple[str, ...]:
    places = _places(folder)
    return (*places, *(place + _DOOMED for place in places))


def _purge(folder: KeptData) -> Steps[None]:
    """Rename first, which is at once and for good; then remove, however long that takes."""
    yield [Move(place, place + _DOOMED) for place in _places(folder)]
    for place in _places(folder):
        yield from _remove(place + _DOOMED)


def _remove(path: str) -> Steps[None]:
    for left in reversed(range(_ROUNDS)):
        try:
            yield [Remove(path, recursive=True)]
        except NodeFileError as error:
            if not left or "too large to remove in time" not in error.detail:
                raise
        else:
            return


def _write(archive: FinalArchive) -> Steps[None]:
    """Write a draft, read it back against the data, and only then give it its name and its note."""
    path, draft = archive_path(archive), f"{archive_path(archive)}.draft"
    places = _places(KeptData(archive.owner, archive.source))
    _, *there = yield [MakeDirectory(ARCHIVES, mode=0o700), *(Stat(place) for place in places)]
    sources = [place.lstrip("/") for place, reply in zip(places, there, strict=True) if reply.exists]
    try:
        yield [Write(draft, b"", mode=0o600), *_tar(draft, sources)]
        checksum, file = yield [Run(("/usr/bin/sha256sum", draft), timeout=_PATIENCE), Stat(draft)]
    except HostingError:
        yield [Remove(draft)]
        raise
    told = {"owner": archive.owner, "source": archive.source, "size": file.size, "sha256": checksum.text.split()[0]}
    yield [Run(("/usr/bin/sync", draft)), Move(draft, path, replace=True)]
    yield [Write(_note(archive), json.dumps(told).encode() + b"\n", mode=0o600)]


def _tar(draft: str, sources: Sequence[str]) -> list[Run]:
    """Write, then compare with what lies there. The folders are root's alone, so nothing changes meanwhile."""
    make = ("/usr/bin/tar", "--create", "--gzip", "--numeric-owner", f"--file={draft}", "--directory=/")
    none = () if sources else ("--files-from=/dev/null",)
    compare = ("/usr/bin/tar", "--compare", "--gzip", "--numeric-owner", f"--file={draft}", "--directory=/")
    return [Run((*make, *none, *sources), timeout=_PATIENCE), Run(compare, timeout=_PATIENCE)]


def _forget(archive: FinalArchive) -> Steps[None]:
    yield [Remove(_note(archive)), Remove(archive_path(archive)), Remove(f"{archive_path(archive)}.draft")]
