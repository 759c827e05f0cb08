"""Keeps archives of lines: compressed, checksummed, optionally encrypted, in a directory or in object storage.

An archive is two files: ``NAME.jsonl.gz`` (or ``NAME.jsonl.gz.age``) and ``NAME.json``, its manifest. The manifest is
put last, so data without one is the rest of a write that was cut off and counts for nothing. Where they lie is
Django's storage named ``archive`` in STORAGES.
"""

import dataclasses
import datetime
import gzip
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages

from observability.age import AgeFailed, decrypting, encrypting

FORMAT = 1
_PIECE = 1 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._-]{0,99}){0,7}")
_MANIFEST = ".json"


class ArchiveError(Exception):
    """An archive can't be written or read; the text says which and why."""


class ArchiveMissing(ArchiveError):
    """There is no such archive, or its data was deleted."""


class ArchiveCorrupt(ArchiveError):
    """What is stored is not what was written."""


class ArchiveLocked(ArchiveError):
    """This process has not the keys that read it."""


class ArchiveConflict(ArchiveError):
    """Another content is already kept under the name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds and how to prove it.

    ``sha256`` is of the stored bytes and needs no key; ``content_sha256`` is of the lines. ``first`` and ``last`` are
    the times of its lines as the writer gave them, for a reader to pass over what can't matter.
    """

    name: str
    kind: str
    lines: int
    bytes: int
    stored_bytes: int
    sha256: str
    content_sha256: str
    created_at: str
    first: str = ""
    last: str = ""
    encryption: str = ""
    compression: str = "gzip"
    deleted_at: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    format: int = FORMAT

    @property
    def file_name(self) -> str:
        """The name of the data in the storage."""
        return f"{self.name}.jsonl.gz{'.age' if self.encryption else ''}"

    def as_dict(self) -> dict[str, Any]:
        """The manifest as its JSON file has it."""
        return {**dataclasses.asdict(self), "facts": dict(self.facts)}


class ArchiveStore:
    """Archives in one storage, by name; a name is made of lower-case words, dots, dashes and slashes."""

    def __init__(
        self, storage: Storage | None = None, *, recipients: Iterable[str] | None = None, identity: Path | None = None
    ) -> None:
        """Take the storage and the age keys of the settings where none are given.

        Args:
            storage: any Django storage.
            recipients: age public keys to encrypt to; none for no encryption.
            identity: the file with the age key that reads; only a reader needs it.
        """
        self.storage: Storage = storage or storages["archive"]
        configured = getattr(settings, "NPANEL_ARCHIVE_AGE_RECIPIENTS", ())
        self.recipients = tuple(configured if recipients is None else recipients)
        self.identity = identity or getattr(settings, "NPANEL_ARCHIVE_AGE_IDENTITY", None)

    # Writing

    def write(
        self,
        name: str,
        lines: Iterable[bytes | str],
        *,
        kind: str,
        first: str = "",
        last: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Keep ``lines`` under ``name``, read them back, and only then say so.

        Writing the same lines again is no error and changes nothing, so a run that was cut off can begin anew.

        Raises:
            ArchiveConflict: other lines are kept under the name.
            ArchiveError: age or the storage refused.
        """
        _require_name(name)
        with tempfile.TemporaryFile() as packed:
            counted = self._pack(packed, lines)
            kept = self.find(name)
            if kept is not None:
                return self._same(kept, counted)
            manifest = Manifest(
                name=name, kind=kind, first=first, last=last, facts=dict(facts or {}), created_at=_now(),
                encryption="age" if self.recipients else "", stored_bytes=packed.tell(), sha256=_digest(packed),
                lines=counted.lines, bytes=counted.bytes, content_sha256=counted.digest.hexdigest(),
            )  # fmt: skip
            self._put(manifest.file_name, packed)
        self._check_stored(manifest)
        self._put_manifest(manifest)
        return self.manifest(name)

    def _pack(self, target: IO[bytes], lines: Iterable[bytes | str]) -> "_Count":
        counted = _Count()
        try:
            with self._sealed(target) as stream, gzip.GzipFile("", "wb", 6, stream, mtime=0) as packer:
                for line in lines:
                    packer.write(counted.add(line))
        except AgeFailed as error:
            raise ArchiveError(f"The archive could not be encrypted: {error}") from error
        target.seek(0, os.SEEK_END)
        return counted

    @contextmanager
    def _sealed(self, target: IO[bytes]) -> Iterator[IO[bytes]]:
        if not self.recipients:
            yield target
            return
        with encrypting(target, self.recipients) as stream:
            yield stream

    def _same(self, kept: Manifest, counted: "_Count") -> Manifest:
        if kept.content_sha256 != counted.digest.hexdigest():
            raise ArchiveConflict(f"The archive {kept.name} is already there with another content.")
        self._check_stored(kept)
        return kept

    def _put_manifest(self, manifest: Manifest) -> None:
        text = json.dumps(manifest.as_dict(), indent=1, sort_keys=True, default=str) + "\n"
        self._put(manifest.name + _MANIFEST, ContentFile(text.encode()))

    def _put(self, name: str, source: Any) -> None:
        """Replace a file as a whole: by rename in a directory, by one put in object storage."""
        source.seek(0)
        with self._storage_errors(name):
            if isinstance(self.storage, FileSystemStorage):
                _put_by_rename(Path(self.storage.path(name)), source)
                return
            saved = self.storage.save(name, File(source, name=name))
            if saved != name:
                self.storage.delete(saved)
                raise ArchiveError(f"The storage would not replace {name}: set file_overwrite in its options.")

    # Reading

    def manifest(self, name: str) -> Manifest:
        """What is said of the archive ``name``.

        Raises:
            ArchiveMissing: there is none.
            ArchiveCorrupt: its manifest can't be read.
        """
        found = self.find(name)
        if found is None:
            raise ArchiveMissing(f"There is no archive {name}.")
        return found

    def find(self, name: str) -> Manifest | None:
        """The manifest of ``name``, or None when no such archive was finished."""
        path = _require_name(name) + _MANIFEST
        with self._storage_errors(path):
            if not self.storage.exists(path):
                return None
            with self.storage.open(path) as handle:
                text = handle.read()
        try:
            found = Manifest(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise ArchiveCorrupt(f"The manifest {path} can't be read: {error}.") from error
        if found.name != name or found.format != FORMAT:
            raise ArchiveCorrupt(f"The manifest {path} is of {found.name}, format {found.format}.")
        return found

    def manifests(self, prefix: str = "", broken: list[str] | None = None) -> Iterator[Manifest]:
        """All archives whose name begins with the folder ``prefix``, in the order of their names.

        Args:
            broken: where to say which manifests can't be read, instead of raising it.
        """
        with self._storage_errors(prefix):
            try:
                folders, files = self.storage.listdir(prefix)
            except FileNotFoundError:
                return
        for entry in sorted([*folders, *(name for name in files if _is_manifest(name))]):
            path = f"{prefix}/{entry}" if prefix else entry
            if not _NAME.fullmatch(path.removesuffix(_MANIFEST)):
                continue  # none of ours, such as a copy that a person put there
            if entry in folders:
                yield from self.manifests(path, broken)
                continue
            try:
                manifest = self.manifest(path.removesuffix(_MANIFEST))
            except ArchiveError as error:
                if broken is None:
                    raise
                broken.append(str(error))
            else:
                yield manifest

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of an archive, one by one, without their newline; memory stays flat.

        Raises:
            ArchiveMissing: it is not there, or was deleted.
            ArchiveCorrupt: it is not what was written; the stored bytes are checked before the first line.
            ArchiveError: it is encrypted, and there is no key that reads it.
        """
        manifest = self.manifest(name)
        with self._fetched(manifest) as packed:
            yield from self._unpacked(manifest, packed)

    def _unpacked(self, manifest: Manifest, packed: IO[bytes]) -> Iterator[bytes]:
        counted = _Count()
        try:
            with self._opened(manifest, packed) as stream, gzip.GzipFile(fileobj=stream, mode="rb") as unpacker:
                for line in unpacker:
                    counted.add(line.removesuffix(b"\n"))
                    yield line.removesuffix(b"\n")
        except AgeFailed as error:
            raise ArchiveError(f"The archive {manifest.name} could not be decrypted: {error}") from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ArchiveCorrupt(f"The archive {manifest.name} can't be unpacked: {error}.") from error
        if (counted.lines, counted.digest.hexdigest()) != (manifest.lines, manifest.content_sha256):
            raise ArchiveCorrupt(f"The archive {manifest.name} holds other lines than its manifest says.")

    @contextmanager
    def _opened(self, manifest: Manifest, packed: IO[bytes]) -> Iterator[IO[bytes]]:
        if not manifest.encryption:
            yield packed
            return
        if self.identity is None:
            raise ArchiveError(f"The archive {manifest.name} is encrypted: set NPANEL_ARCHIVE_AGE_IDENTITY to read it.")
        os.lseek(packed.fileno(), 0, os.SEEK_SET)  # age reads the descriptor itself, past Python's buffer
        with decrypting(packed, Path(self.identity)) as stream:
            yield stream

    @contextmanager
    def _fetched(self, manifest: Manifest) -> Iterator[IO[bytes]]:
        """The stored bytes in a local file, compared with the manifest."""
        if manifest.deleted_at:
            raise ArchiveMissing(f"The archive {manifest.name} was deleted on {manifest.deleted_at[:10]}.")
        with tempfile.TemporaryFile() as local:
            with self._storage_errors(manifest.file_name):
                if not self.storage.exists(manifest.file_name):
                    raise ArchiveMissing(f"The archive {manifest.name} has a manifest but no data.")
                with self.storage.open(manifest.file_name) as stored:
                    shutil.copyfileobj(stored, local, _PIECE)
            if _digest(local) != manifest.sha256:
                raise ArchiveCorrupt(f"The archive {manifest.name} was changed: its checksum is another.")
            local.seek(0)
            yield local

    # Proving and deleting

    def verify(self, name: str) -> Manifest:
        """Read an archive whole and compare it with its manifest; without the key of an encrypted one, its bytes.

        Raises:
            ArchiveMissing, ArchiveCorrupt: as :meth:`lines`.
        """
        manifest = self.manifest(name)
        if manifest.encryption and self.identity is None:
            self._check_stored(manifest)
            return manifest
        for _line in self.lines(name):
            pass
        return manifest

    def _check_stored(self, manifest: Manifest) -> None:
        with self._fetched(manifest) as packed:
            if not manifest.encryption:
                for _line in self._unpacked(manifest, packed):
                    pass

    def delete(self, name: str, *, keep_manifest: bool = False) -> None:
        """Delete an archive's data; what is not there is no error.

        Args:
            keep_manifest: keep the manifest for good, marked with the time of deletion.
        """
        manifest = self.find(name)
        if manifest is None:
            return
        if keep_manifest and not manifest.deleted_at:
            self._put_manifest(dataclasses.replace(manifest, deleted_at=_now()))
        with self._storage_errors(name):
            if not keep_manifest:
                self.storage.delete(name + _MANIFEST)
            self.storage.delete(manifest.file_name)

    @contextmanager
    def _storage_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except ArchiveError:
            raise
        except FileNotFoundError as error:
            raise ArchiveMissing(f"{name or '/'} is not in the archive storage.") from error
        except Exception as error:
            # Each storage has errors of its own (botocore's, OSError), which may show the request with its key.
            raise ArchiveError(f"The archive storage failed on {name or '/'}: {type(error).__name__}.") from error


class _Count:
    """Counts and digests the lines that pass."""

    def __init__(self) -> None:
        self.lines = 0
        self.bytes = 0
        self.digest = hashlib.sha256()

    def add(self, line: bytes | str) -> bytes:
        """The line with its newline, counted."""
        raw = line.encode() if isinstance(line, str) else line
        if b"\n" in raw:
            raise ValueError("A line of an archive can't hold a line break.")
        self.lines += 1
        self.bytes += len(raw) + 1
        self.digest.update(raw + b"\n")
        return raw + b"\n"


def _put_by_rename(path: Path, source: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            shutil.copyfileobj(source, handle, _PIECE)
            handle.flush()
            os.fsync(handle.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_manifest(name: str) -> bool:
    return name.endswith(_MANIFEST) and not name.startswith(".")


def _digest(handle: IO[bytes]) -> str:
    handle.seek(0)
    digest = hashlib.sha256()
    while piece := handle.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _require_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of an archive.")
    return name


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
