"""The registry of what is kept for a time, then archived, then deleted (OPERATIONS §3).

An app that owns records registers a :class:`Kind`; the runner and the search know no other way to them. Most are
:class:`observability.batches.InBatches`.
"""

import datetime
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from observability.archive import ArchiveStore, Manifest


class RetentionRefused(Exception):
    """A run would not be safe now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a run did or would do: ``archive`` records, ``remove`` hot ones, ``delete`` an archive.

    ``held`` is none: something that would be due stays, for the reason that ``note`` gives.
    """

    kind: str
    action: str
    name: str
    day: datetime.date
    lines: int
    bytes: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Periods:
    """For how many days a kind is hot, and after how many its archive is deleted.

    ``copied``: the archive is made while the records are still hot, not when they leave.
    """

    hot: int
    delete: int
    copied: bool = False

    @property
    def archived(self) -> int:
        """For how many days an archive lies there."""
        return self.delete - (0 if self.copied else self.hot)


class Kind(ABC):
    """A kind of record whose lines are JSON objects with the fields of a log line."""

    #: Lower-case letters; the first folder of its archives' names.
    name: str
    #: What people read; a lazy translation.
    label: Any

    @property
    def periods(self) -> Periods:
        """The periods of the setting NPANEL_RETENTION."""
        return Periods(*settings.NPANEL_RETENTION[self.name])

    @abstractmethod
    def plan(self, store: ArchiveStore, now: datetime.datetime) -> Iterator[Step]:
        """What :meth:`carry_out` would do, in its order; changes nothing."""

    @abstractmethod
    def carry_out(self, store: ArchiveStore, now: datetime.datetime, begin: Callable[[str], None]) -> Iterator[Step]:
        """Archive and delete what is due, and give each step when it is done; cut off anywhere, it can begin anew.

        Args:
            begin: is told the name of an archive before it is worked on.

        Raises:
            RetentionRefused: it would not be safe now.
            ArchiveError: an archive could not be written, or is not what was written; nothing hot went for it.
        """

    def is_run_here(self) -> bool:
        """Whether the schedule of this process runs it."""
        return True

    def archives(self, store: ArchiveStore, broken: list[str] | None = None) -> Iterator[Manifest]:
        """The archives of what is not hot any more.

        Args:
            broken: where to say which can't be read, instead of raising it.
        """
        return (manifest for manifest in store.manifests(self.name, broken) if not manifest.deleted_at)

    def archived_lines(self, manifest: Manifest, store: ArchiveStore) -> Iterator[bytes]:
        """An archive's lines as a reader of logs needs them.

        Raises:
            ArchiveLocked: this process has not the keys.
        """
        return store.lines(manifest.name)

    @abstractmethod
    def hot_lines(self, narrowed: Mapping[str, Any]) -> Iterator[bytes]:
        """All hot lines, or fewer: ``narrowed`` has what the reader looks for (see observability.log_search)."""

    @abstractmethod
    def bytes_by_day(self) -> dict[datetime.date, int]:
        """How many bytes of each day are hot, as measured."""


_kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Have a kind of record archived and deleted on schedule, and found by the search."""
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    """All kinds, by name."""
    return [_kinds[name] for name in sorted(_kinds)]


def get_kind(name: str) -> Kind:
    """A kind by its name.

    Raises:
        KeyError: nobody registered it.
    """
    return _kinds[name]
