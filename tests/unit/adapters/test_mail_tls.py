"""Certificates of mail domains on a node in memory: by name, read back, replaced, nobody else's, gone again."""

from dataclasses import replace
from pathlib import Path

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.connections.base import Run, perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import HostingError, ProbeFailed, UnsafeValue
from hosting.state import MailCertificate, Resource, Secret, plan, state_of
from tests.certificates import Authority
from tests.contract.contract import carry_out
from tests.pem import certificate

FACTS = NodeFacts("n1", "n1.test", "192.0.2.1")
PLACE = "/etc/npanel/tls"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def of(authority: Authority, folder: Path, *names: str) -> MailCertificate:
    found = certificate(authority, folder, "al", "a.test")
    return MailCertificate("al", "a.test", names or ("a.test", "mail.a.test"), found.chain, found.key_pem)


@pytest.fixture
def first(authority: Authority, tmp_path: Path) -> MailCertificate:
    return of(authority, tmp_path / "first")


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


def change(node: FakeNode, before: tuple[Resource, ...], after: tuple[Resource, ...]) -> None:
    carry_out(node, plan(state_of(before), state_of(after)))


def seen(node: FakeNode, **limits: object) -> tuple[Resource, ...]:
    return perform(node, adapters()["mail_tls"].observe(Scope(FACTS, **limits)))  # type: ignore[arg-type]


def test_what_is_written_is_read_back_and_shown_and_gone(node: FakeNode, first: MailCertificate) -> None:
    change(node, (), (first,))
    assert seen(node) == seen(node, owner="al") == seen(node, refs=frozenset({first.ref})) == (first,)
    assert seen(node, owner="a") == seen(node, owner="bo") == ()
    assert perform(node, adapters()["mail_tls"].probe(first, FACTS)) == "shown for 2 name(s)"
    assert node.tree.at(f"{PLACE}/mail/al.a.test.pem").mode == 0o640
    told = [r.argv for _, r in node.requests if isinstance(r, Run) and "reload" in r.argv]
    assert told == [("/usr/bin/doveadm", "reload")]
    change(node, (first,), ())
    assert seen(node) == ()
    assert {name for name, entry in node.tree.at(PLACE).children.items() if entry.type != "directory"} == set()
    assert node.tree.at(f"{PLACE}/mail").children == node.tree.at(f"{PLACE}/dovecot").children == {}


def test_a_new_one_takes_its_place_and_names_come_and_go(
    node: FakeNode, first: MailCertificate, authority: Authority, tmp_path: Path
) -> None:
    second = of(authority, tmp_path / "second", "mail.a.test", "mx.a.test")
    change(node, (), (first,))
    change(node, (first,), (second,))
    assert seen(node) == (second,)
    assert not node.exists(f"{PLACE}/a.test.pem")
    with pytest.raises(ProbeFailed):
        perform(node, adapters()["mail_tls"].probe(first, FACTS))


@pytest.mark.parametrize("path", ["mail/al.a.test.pem", "dovecot/al.a.test.conf"])
def test_a_hand_made_change_is_seen_and_mended(node: FakeNode, first: MailCertificate, path: str) -> None:
    change(node, (), (first,))
    node.put(f"{PLACE}/{path}", node.content(f"{PLACE}/{path}") + b"# mine\n")
    (edited,) = seen(node)
    assert isinstance(edited, MailCertificate) and edited.edited and edited != first
    change(node, (edited,), (first,))
    assert seen(node) == (first,)


def test_a_name_that_leads_astray_is_seen(node: FakeNode, first: MailCertificate) -> None:
    change(node, (), (first,))
    node.put_link(f"{PLACE}/mail.a.test.pem", "/etc/shadow")
    (edited,) = seen(node)
    assert isinstance(edited, MailCertificate) and edited.edited


def test_a_name_of_somebody_elses_is_refused(node: FakeNode, first: MailCertificate) -> None:
    change(node, (), (first,))
    rival = replace(first, owner="bo", domain="mail.a.test", names=("mail.a.test",))
    with pytest.raises(HostingError) as refused:
        change(node, (), (rival,))
    assert refused.value.code == "mail_name_taken"
    change(node, (rival,), ())
    assert seen(node) == (first,)


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\u2028", "/../x", " ", "{", "*.a.test"])
def test_hostile_values_are_refused(node: FakeNode, first: MailCertificate, bad: str) -> None:
    for one in (
        replace(first, owner=f"al{bad}"),
        replace(first, domain=f"a.test{bad}"),
        replace(first, names=(f"mail.a.test{bad}",)),
        replace(first, names=()),
        replace(first, chain=first.chain + bad),
        replace(first, key_pem=Secret(first.key_pem.value + bad)),
    ):
        with pytest.raises(UnsafeValue):
            change(node, (), (one,))
    assert seen(node) == ()
