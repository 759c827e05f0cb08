"""Where a domain points, asked of a real name server on loopback."""

from typing import Any

import pytest

from hosting.models import Node
from hosting.services import delegation
from hosting.services.delegation import Verdict, check_delegation
from tests.factories import make_node
from tests.unit.portal.name_server import name_server

pytestmark = pytest.mark.django_db

OURS = ["ns1.panel.test.", "ns2.panel.test."]


@pytest.fixture
def node() -> Node:
    """A node with name servers of its own name."""
    return make_node(nameservers=["ns1.panel.test", "ns2.panel.test"], public_addresses=["192.0.2.1", "2001:db8::1"])


def test_a_domain_that_points_here(settings: Any, node: Node) -> None:
    """Both name servers, the addresses of the node: nothing is left to do."""
    table = {
        ("bakery.example", "NS"): OURS, ("bakery.example", "A"): ["192.0.2.1"],
        ("bakery.example", "AAAA"): ["2001:db8::1"],
    }  # fmt: skip
    with name_server(table) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = check_delegation("bakery.example", node)
    assert (found.verdict, found.right, found.arrives) == (Verdict.HERE, True, True)
    assert found.visitors == ("192.0.2.1", "2001:db8::1")


def test_a_domain_that_points_elsewhere(settings: Any, node: Node) -> None:
    """It says to whom, where visitors and mail go now, and what to set instead."""
    table = {
        ("bakery.example", "NS"): ["ns1.Other.example."], ("bakery.example", "A"): ["203.0.113.9"],
        ("bakery.example", "MX"): ["10 mail.other.example."],
    }  # fmt: skip
    with name_server(table) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = check_delegation("bakery.example", node)
    assert (found.verdict, found.found, found.seconds) == (Verdict.ELSEWHERE, ("ns1.other.example",), 600)
    assert found.missing == ("ns1.panel.test", "ns2.panel.test") and found.stray == ("ns1.other.example",)
    assert (found.visitors, found.mail, found.arrives) == (("203.0.113.9",), ("mail.other.example",), False)


def test_one_of_two_name_servers(settings: Any, node: Node) -> None:
    """Half right is told apart from wrong."""
    with name_server({("bakery.example", "NS"): [OURS[0], "ns.other.example."]}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = check_delegation("bakery.example", node)
    assert (found.verdict, found.missing, found.stray) == (Verdict.PARTLY, ("ns2.panel.test",), ("ns.other.example",))


def test_a_name_that_is_not_registered(settings: Any, node: Node) -> None:
    """Nobody knows it."""
    with name_server({}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        assert check_delegation("bakery.example", node).verdict == Verdict.UNKNOWN_NAME


def test_a_name_below_another(settings: Any, node: Node) -> None:
    """A name with an address but no name servers of its own; and one whose zone is here already."""
    table = {("shop.bakery.example", "A"): ["203.0.113.9"], ("bakery.example", "NS"): OURS}
    with name_server(table) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        assert check_delegation("shop.bakery.example", node).verdict == Verdict.NOT_DELEGATED
        found = check_delegation("shop.bakery.example", node, parent="bakery.example")
    assert (found.verdict, found.right) == (Verdict.IN_PARENT, True)


def test_silence_ends_at_the_deadline(settings: Any, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that does not answer says nothing about the domain."""
    monkeypatch.setattr(delegation, "DEADLINE_S", 0.3)
    with name_server({}, silent=True) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = check_delegation("bakery.example", node)
    assert (found.verdict, found.visitors) == (Verdict.NO_ANSWER, ())
    settings.NPANEL_HEALTH_RESOLVERS = []
    assert check_delegation("bakery.example", node).verdict == Verdict.NO_ANSWER


def test_only_the_name_itself_is_asked(settings: Any, node: Node) -> None:
    """What answers name (name servers, mail servers) is never looked up: nobody can have us ask about other names."""
    table = {("bakery.example", "NS"): ["ns1.evil.example."], ("bakery.example", "MX"): ["10 mx.evil.example."]}
    with name_server(table) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        check_delegation("bakery.example", node)
        assert set(server.asked) == {("bakery.example", kind) for kind in ("A", "AAAA", "MX", "NS")}
