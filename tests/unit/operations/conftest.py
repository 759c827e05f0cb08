"""A node in memory whose only daemon is the toy one, and a service whose only Resources are notes."""

from collections.abc import Iterator
from typing import Any

import pytest

from hosting import desired
from hosting.adapters import base
from hosting.choices import NodeState, OperationKind
from hosting.connections.fake import FakeConnection
from hosting.desired.family import Family
from hosting.models import HostingService, Node, Operation
from hosting.operations import nodes, runner
from hosting.operations.requests import request_operation
from tests.people import operator
from tests.unit.operations.toy import NOTES, PUBLISHED, Note, NotesAdapter


class ToyWorld:
    """Services with notes on a fake node, and the runner that carries their operations out."""

    def __init__(self, fake: FakeConnection, node: Node) -> None:
        self.fake, self.node, self.adapter = fake, node, NotesAdapter()
        self.wanted: dict[str, dict[str, str]] = {}

    def service(self, username: str) -> HostingService:
        """A service without domains."""
        from tests.factories import make_service

        return HostingService.objects.filter(username=username).first() or make_service(
            username=username, node=self.node, state="active"
        )

    def notes(self, service: HostingService) -> list[Note]:
        """What the test wants of a live service."""
        return [Note(service.username, name, text) for name, text in self.wanted.get(service.username, {}).items()]

    def want(self, username: str, **notes: str) -> HostingService:
        """Set the notes of a service."""
        self.wanted[username] = notes
        return self.service(username)

    def ask(self, username: str, kind: OperationKind = OperationKind.APPLY, **options: Any) -> Operation:
        """Ask for an operation on a service."""
        service = self.service(username)
        return request_operation(actor=operator(), kind=kind, node=self.node, service=service, **options)

    def run(self, operation: Operation) -> Operation:
        """Carry it out as a worker would."""
        runner.run(operation.pk)
        operation.refresh_from_db()
        return operation

    def published(self) -> str:
        """What a reader sees."""
        return self.fake.content(PUBLISHED).decode() if self.fake.exists(PUBLISHED) else ""

    def plant(self, name: str, text: str) -> None:
        """Write a note by hand, past the panel."""
        self.fake.put(f"{NOTES}/{name}", text.encode())


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToyWorld]:
    """A ready fake node; the connection, the list of daemons and what services are made of are the test's."""
    from tests.factories import make_node

    fake = FakeConnection()
    node = make_node(name="fake1", state=NodeState.READY)
    toy = ToyWorld(fake, node)
    monkeypatch.setattr(base, "_ADAPTERS", {NotesAdapter.kind: toy.adapter})
    monkeypatch.setattr(nodes, "opener", lambda _node: fake)
    monkeypatch.setattr(desired, "_FAMILIES", (Family(toy.notes),))
    yield toy
