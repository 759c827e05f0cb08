"""A file put into a site: it is there, and the audit log says what was asked for and what became of it."""

from pathlib import Path
from typing import Any

import pytest

from audit import spool
from audit.errors import AuditWriteFailed
from audit.models import Event
from hosting.choices import NodeState
from hosting.errors import HostingError
from hosting.services.files import upload_file
from tests.unit.audit.refusal import events_refused
from tests.unit.services.world import World, domain_of


def outcomes() -> list[tuple[str, Any]]:
    """What is recorded of uploads, oldest first."""
    return list(Event.objects.filter(verb="file.upload").order_by("pk").values_list("outcome", "after__path"))


@pytest.mark.django_db
def test_an_upload_is_recorded_with_its_outcome(world: World) -> None:
    service = world.host("example.com", username="alice")
    upload_file(actor=world.actor, domain=domain_of("example.com"), path="index.html", data=b"hello")
    path = f"{service.home}/{domain_of('example.com').root}/index.html"
    assert world.server.content(path) == b"hello"
    assert outcomes() == [("requested", "example.com/index.html"), ("succeeded", "example.com/index.html")]


@pytest.mark.django_db
def test_an_upload_that_fails_is_recorded_as_failed(world: World) -> None:
    world.host("example.com", username="alice")
    world.server.down = True
    with pytest.raises(HostingError) as refusal:
        upload_file(actor=world.actor, domain=domain_of("example.com"), path="index.html", data=b"hello")
    assert outcomes() == [("requested", "example.com/index.html"), ("failed", "example.com/index.html")]
    assert Event.objects.get(verb="file.upload", outcome="failed").reason == refusal.value.detail


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_can_not_be_requested_is_not_made(world: World, settings: Any, tmp_path: Path) -> None:
    settings.NPANEL_AUDIT_SPOOL_DIR = tmp_path
    service = world.host("example.com", username="alice")
    with events_refused(), pytest.raises(AuditWriteFailed):
        upload_file(actor=world.actor, domain=domain_of("example.com"), path="new.html", data=b"hello")
    assert not world.server.exists(f"{service.home}/{domain_of('example.com').root}/new.html")
    world.node.refresh_from_db()
    assert (spool.waiting(), world.node.state) == (0, NodeState.READY)


@pytest.mark.django_db(transaction=True)
def test_an_upload_whose_outcome_is_only_spooled_pauses_the_node(world: World, settings: Any, tmp_path: Path) -> None:
    settings.NPANEL_AUDIT_SPOOL_DIR = tmp_path
    world.host("example.com", username="alice")
    with events_refused("NEW.outcome = 'succeeded'"):
        upload_file(actor=world.actor, domain=domain_of("example.com"), path="new.html", data=b"hello")
    world.node.refresh_from_db()
    assert world.node.state == NodeState.PAUSED and "audit_replay" in world.node.note
    assert spool.replay().inserted == 1
    assert [outcome for outcome, _path in outcomes()] == ["requested", "succeeded"]
