"""Kinds whose hot records go into archives by the day, in batches; each batch leaves when its archive was read back."""

import datetime
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from observability.archive import ArchiveConflict, ArchiveError, ArchiveStore, Manifest
from observability.retained import Kind, Step

_PARTS = 1_000


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


class InBatches(Kind):
    """A kind that says which batches are hot, what their lines are, and how one is removed."""

    def prepare(self, today: datetime.date) -> None:
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

    def plan(self, store: ArchiveStore, now: datetime.datetime) -> Iterator[Step]:
        """What a run would delete and archive, in its order."""
        today = now.astimezone(datetime.UTC).date()
        for manifest in self.expired(store, today):
            yield _deletion(manifest)
        for batch in self.batches(today - datetime.timedelta(days=self.periods.hot)):
            count = sum(1 for _line in self.lines(batch))
            yield Step(self.name, "archive", batch.name, batch.day, count, batch.bytes)

    def carry_out(self, store: ArchiveStore, now: datetime.datetime, begin: Callable[[str], None]) -> Iterator[Step]:
        """Delete archives that are old enough, then archive batch by batch."""
        today = now.astimezone(datetime.UTC).date()
        self.prepare(today)
        # What may go goes first: on a full disk it makes the room that an archive needs.
        for manifest in self.expired(store, today):
            begin(manifest.name)
            store.delete(manifest.name)
            yield _deletion(manifest)
        for batch in self.batches(today - datetime.timedelta(days=self.periods.hot)):
            begin(batch.name)
            manifest = self.archive(batch, store)
            self.remove(batch, manifest.lines)
            yield Step(self.name, "archive", manifest.name, batch.day, manifest.lines, manifest.bytes)

    def expired(self, store: ArchiveStore, today: datetime.date) -> Iterator[Manifest]:
        """Archives past their day; what was archived late stays in the archive as long as what was not."""
        archived_for = datetime.timedelta(days=self.periods.archived)
        for manifest in list(store.manifests(self.name)):
            made = datetime.date.fromisoformat(manifest.created_at[:10])
            past = _day(manifest) + datetime.timedelta(days=self.periods.delete) < today
            if past and made + archived_for < today:
                yield manifest

    def archive(self, batch: Batch, store: ArchiveStore) -> Manifest:
        """Write a batch into its archive and read it back.

        Records of a day that became free later than the others get an archive of their own beside the day's.

        Raises:
            ArchiveError: it could not be written, or an archive of that name is damaged.
        """
        facts = {"day": batch.day.isoformat()}
        for part in range(1, _PARTS):
            name = batch.name if part == 1 else f"{batch.name}.part{part}"
            try:
                return store.write(
                    name, self.lines(batch), kind=self.name, first=batch.first, last=batch.last, facts=facts
                )
            except ArchiveConflict:
                continue
        raise ArchiveError(f"There are {_PARTS} archives of {batch.name} already.")


def _deletion(manifest: Manifest) -> Step:
    return Step(manifest.kind, "delete", manifest.name, _day(manifest), manifest.lines, manifest.stored_bytes)


def _day(manifest: Manifest) -> datetime.date:
    return datetime.date.fromisoformat(str(manifest.facts.get("day") or manifest.created_at[:10]))
