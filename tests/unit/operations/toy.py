"""A daemon made up for tests: notes in files, a test that refuses the word BROKEN, a reload that publishes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from hosting.adapters.base import Adapter, NodeFacts, Quarantined, Scope, register, unregister
from hosting.connections.base import Context, Move, Read, ReadAll, Remove, Steps, Write, one
from hosting.errors import ConfigurationInvalid, ProbeFailed
from hosting.state import Change, Ref, Resource
from hosting.state.resources import register_resource

NOTES = "/etc/notes"
PUBLISHED = "/var/notes-published"


@register_resource
@dataclass(frozen=True, slots=True)
class Note(Resource):
    """A line of text that belongs to a service."""

    kind: ClassVar[str] = "note"
    owner: str
    name: str
    text: str

    @property
    def key(self) -> str:
        return f"{self.owner}.{self.name}"


class NotesAdapter(Adapter):
    """Keeps notes as files; what is published changes only at a reload. A test may give it bugs."""

    kind = "notes"
    handles = (Note,)
    owns = (NOTES,)
    activates = True

    def __init__(self) -> None:
        self.refusals: dict[str, Exception] = {}
        self.bugs: list[Exception] = []

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """All note files of the owner."""
        (reply,) = yield [ReadAll(NOTES)]
        notes = (Note(*name.split(".", 1), entry.data.decode()) for name, entry in reply.entries.items())
        return tuple(note for note in notes if scope.covers(note))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Write or remove the file."""
        path = f"{NOTES}/{change.key}"
        if isinstance(change.after, Note):
            yield [Write(path, change.after.text.encode(), parents=True)]
        else:
            yield [Remove(path)]

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Refuse any file with the word BROKEN in it, and what the test has refused by its text."""
        (reply,) = yield [ReadAll(NOTES)]
        for name, entry in sorted(reply.entries.items()):
            if refusal := self.refusals.get(entry.data.decode()):
                raise refusal
            if b"BROKEN" in entry.data:
                raise ConfigurationInvalid(f"{name} is broken", path=f"{NOTES}/{name}")

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Publish all notes."""
        (reply,) = yield [ReadAll(NOTES)]
        text = b"\n".join(name.encode() + b"=" + entry.data for name, entry in sorted(reply.entries.items()))
        yield [Write(PUBLISHED, text, parents=True)]

    def quarantine(self, path: str, reason: str) -> Steps[Quarantined | None]:
        """Move any note aside."""
        if not path.startswith(NOTES):
            return None
        kept = path.replace(NOTES, "/var/quarantine")
        yield [Move(path, kept, replace=True)]
        return Quarantined(path, kept, reason, Ref("note", path.rsplit("/", 1)[-1]))

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Read what is published, as a reader would."""
        reply = yield from one(Read(PUBLISHED))
        if self.bugs:
            raise self.bugs.pop()
        assert isinstance(resource, Note)
        if f"{resource.key}={resource.text}" not in reply.text or "UNREADABLE" in resource.text:
            raise ProbeFailed(f"{resource.key} is not published.")
        return "published"


@contextmanager
def notes_adapter() -> Iterator[None]:
    """The adapter, registered for one test."""
    register(NotesAdapter)
    try:
        yield
    finally:
        unregister(NotesAdapter.kind)
