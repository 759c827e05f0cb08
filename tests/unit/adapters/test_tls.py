"""Certificates as text and back, and on the server in memory: made, replaced, edited by hand, taken away."""

from pathlib import Path

import pytest

from hosting.adapters.base import Scope, adapters
from hosting.adapters.nginx.site import parse_site
from hosting.adapters.nginx.site import render as render_site
from hosting.adapters.tls.pem import fingerprint, parse, pem_path, render
from hosting.connections.base import perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import ConfigurationInvalid, ProbeFailed, UnsafeValue
from hosting.state import Resource, Secret, VirtualHost, plan, state_of
from hosting.state.tls import TlsCertificate
from tests.certificates import Authority
from tests.contract.contract import bootstrap, carry_out
from tests.pem import certificate
from tests.unit.test_fake_node import BARE, service

SITE = "/home/al/sites/a.test/public"
SECURE = VirtualHost("al", "a.test", SITE, ("www.a.test",), https=True, redirect=True, hsts=True)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def first(authority: Authority, tmp_path: Path) -> TlsCertificate:
    return certificate(authority, tmp_path / "first", "al", "a.test")


@pytest.fixture
def second(authority: Authority, tmp_path: Path) -> TlsCertificate:
    return certificate(authority, tmp_path / "second", "al", "a.test")


def test_text_and_back(first: TlsCertificate) -> None:
    assert parse("al", "a.test", render(first)) == first
    assert pem_path("al", "a.test") == "/etc/nginx/npanel/tls/al.a.test.pem"
    assert first.key_pem.value not in repr(first)


@pytest.mark.parametrize("junk", ["", "x", "\r\n", "\0", "include /etc/shadow;\n", "\u2028"])
def test_what_is_not_pem_is_never_written(first: TlsCertificate, junk: str) -> None:
    for chain, key in (
        (first.chain + (junk or "-"), first.key_pem),
        (first.chain, Secret(first.key_pem.value + "-" + junk)),
    ):
        with pytest.raises(UnsafeValue):
            render(TlsCertificate("al", "a.test", chain, key))
    edited = parse("al", "a.test", render(first) + (junk or "-"))
    assert edited.edited and not edited.chain and not edited.key_pem.value


@pytest.mark.parametrize(
    "values",
    [{"https": True}, {"https": True, "redirect": True}, {"https": True, "hsts": True, "suspended": True}],
)
def test_a_site_with_a_certificate_as_text_and_back(values: dict[str, bool]) -> None:
    site = VirtualHost("al", "a.test", SITE, **values)  # type: ignore[arg-type]
    assert parse_site("al", "a.test", render_site(site)) == site


def test_nobody_is_sent_to_tls_without_a_certificate() -> None:
    for values in ({"redirect": True}, {"hsts": True}):
        with pytest.raises(UnsafeValue):
            render_site(VirtualHost("al", "a.test", SITE, **values))  # type: ignore[arg-type]


def _change(node: FakeNode, before: list[Resource], after: list[Resource]) -> None:
    carry_out(node, plan(state_of(before), state_of(after)))


def _served(node: FakeNode, one: TlsCertificate) -> str:
    return perform(node, adapters()["tls"].probe(one, BARE))


def test_on_a_node(first: TlsCertificate, second: TlsCertificate) -> None:
    node = FakeNode()
    facts = bootstrap(node, BARE)
    needs = list(service()[:3])
    _change(node, [], [*needs, first, SECURE])
    assert _served(node, first).startswith("served by name")
    found = perform(node, adapters()["tls"].observe(Scope(facts, owner="al")))
    assert found == (first,)
    reloads = node.sites.reloads["nginx"]
    _change(node, [first], [second])
    assert node.sites.reloads["nginx"] == reloads + 1
    assert _served(node, second)
    with pytest.raises(ProbeFailed):
        _served(node, first)
    with pytest.raises(ConfigurationInvalid):
        _change(node, [second], [])  # while its site still names it
    _change(node, [second, SECURE], [])
    assert not node.exists(pem_path("al", "a.test"))
    assert fingerprint(first.chain) != fingerprint(second.chain)
