"""Rotation: a new key, and everything that nodes need sealed with it."""

from pathlib import Path
from typing import Any

import pytest

from audit.models import Event
from hosting.models import Node
from hosting.operations.nodes import node_secrets, secret_context, ssh_context
from hosting.sealing import Sealed, SealingError, ensure_worker_key, seal, unseal
from hosting.services.keys import rotate_worker_key
from hosting.services.nodes import add_node
from tests.factories import make_node
from tests.people import operator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Keys of this test's own."""
    settings.NPANEL_WORKER_PUBLIC_KEYS = tmp_path / "worker.pub"
    settings.NPANEL_WORKER_PRIVATE_KEYS = tmp_path / "worker.key"
    ensure_worker_key()
    return tmp_path


def test_every_nodes_secrets_are_sealed_anew_and_stay_the_same() -> None:
    nodes = [add_node(actor=operator(), name=f"node{n}", address="192.0.2.1") for n in range(3)]
    before = {node.name: (unseal(node.private_key_sealed, ssh_context(node)), node_secrets(node)) for node in nodes}
    assert rotate_worker_key(actor=operator()) == ("w2", 6)
    for node in Node.objects.all():
        assert Sealed.load(node.private_key_sealed).key_id == "w2"
        assert {Sealed.load(value).key_id for value in node.secrets_sealed.values()} == {"w2"}
        assert (unseal(node.private_key_sealed, ssh_context(node)), node_secrets(node)) == before[node.name]


def test_what_old_journals_hold_still_opens() -> None:
    old = seal("in a journal", "operation:1")
    rotate_worker_key(actor=operator())
    assert unseal(old, "operation:1") == "in a journal"


def test_a_node_without_an_ssh_key_is_no_obstacle() -> None:
    node = make_node()
    assert rotate_worker_key(actor=operator()) == ("w2", 1)
    node.refresh_from_db()
    assert node.private_key_sealed == ""
    assert Sealed.load(node.secrets_sealed["powerdns_api_key"]).key_id == "w2"


def test_it_is_audited_without_any_key() -> None:
    add_node(actor=operator(), name="node1", address="192.0.2.1")
    rotate_worker_key(actor=operator())
    event = Event.objects.get(verb="worker_key.rotate")
    assert (event.target_label, event.after) == ("w2", {"resealed": 2})


@pytest.mark.parametrize("nodes", [0, 1])
def test_a_process_without_the_private_key_changes_nothing(nodes: int, folder: Path, settings: Any) -> None:
    if nodes:
        add_node(actor=operator(), name="node1", address="192.0.2.1")
    settings.NPANEL_WORKER_PRIVATE_KEYS = folder / "not-for-web-processes"
    before = (folder / "worker.pub").read_text(), list(Node.objects.values())
    with pytest.raises(SealingError):
        rotate_worker_key(actor=operator())
    assert ((folder / "worker.pub").read_text(), list(Node.objects.values())) == before
    assert not settings.NPANEL_WORKER_PRIVATE_KEYS.exists()
    assert not Event.objects.filter(verb="worker_key.rotate").exists()


def test_one_damaged_secret_stops_it_before_a_key_is_made(folder: Path) -> None:
    node = add_node(actor=operator(), name="node1", address="192.0.2.1")
    moved = seal("x", secret_context(node, "another"))
    Node.objects.filter(pk=node.pk).update(secrets_sealed={"powerdns_api_key": moved})
    with pytest.raises(SealingError, match="moved"):
        rotate_worker_key(actor=operator())
    assert (folder / "worker.pub").read_text().startswith("w1 ") and len(
        (folder / "worker.pub").read_text().splitlines()
    ) == 1
