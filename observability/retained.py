"""The registry of what is kept for a time, then archived, then deleted (OPERATIONS §3).

An app that owns records registers a :class:`Kind`; the runner and the search know no other way to them.
"""

import datetime
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one day that go into one archive together; ``name`` says which, and is the archive's.

    ``first`` and ``last`` are times that enclose those of its lines, where they are known.
    """

    name: str
    day: datetime.date
    bytes: int = 0
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Periods:
    """For how many days a kind is hot, and after how many its archive is deleted."""

    hot: int
    delete: int


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

    def prepare(self, today: datetime.date) -> None:  # noqa: B027 - most kinds have nothing to prepare
        """Close what is still written to, such as today's file."""

    @abstractmethod
    def batches(self, before: datetime.date) -> Iterator[Batch]:
        """What is hot of the days before ``before``, oldest first."""

    @abstractmethod
    def lines(self, batch: Batch) -> Iterator[bytes]:
        """A batch's lines, the same ones in the same order each time it is asked."""

    @abstractmethod
    def remove(self, batch: Batch, lines: int) -> None:
        """Remove a batch that is archived with ``lines`` lines; all of it or nothing."""

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
