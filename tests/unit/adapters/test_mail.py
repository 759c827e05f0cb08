"""Exim's and Dovecot's adapters on a node in memory: what is written is read back, and nothing is reloaded for it."""

from dataclasses import replace

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.adapters.exim import setup as exim_setup
from hosting.connections.base import Context, Run, perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import HostingError, UnsafeValue
from hosting.state import Autoreply, Change, DkimKey, MailAlias, Mailbox, MailDomain, NodeFile, Resource, Secret
from hosting.state.mail import MailInvalid, check_autoreply, mail_address, mail_addresses, own_local_part

FACTS = NodeFacts("n1", "n1.test", "192.0.2.1")
HASH = Secret("$6$salt$" + "a" * 86)
PEM = Secret("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n")
DOMAIN = MailDomain("kim", "a.test", dkim=(DkimKey("s1", PEM),), catch_all="info@a.test", sends_per_hour=9)
ALIAS = MailAlias("kim", "a.test", "sales", ("info@a.test", "x+y@far.test"))
BOX = Mailbox(
    "kim",
    "a.test",
    "info",
    "/home/kim",
    HASH,
    quota_mb=5,
    autoreply=Autoreply("Zurück im März", "Bis bald\n\u00fc\n", "2026-01-01", "2026-03-01"),
    forward_to=("x@far.test",),
)
EVERYTHING = (DOMAIN, ALIAS, BOX)


@pytest.fixture
def node() -> FakeNode:
    node = FakeNode()
    node.add_user("kim")
    node.put_directory("/home/kim", mode=0o750, owner="kim", group="kim")
    return node


def adapter_of(resource: Resource) -> str:
    return "dovecot" if isinstance(resource, Mailbox) else "exim"


def make(node: FakeNode, *resources: Resource, before: Resource | None = None) -> None:
    for one in resources:
        perform(node, adapters()[adapter_of(one)].apply(Change(one.kind, one.key, before, one), Context()))


def remove(node: FakeNode, *resources: Resource, context: Context = Context()) -> None:
    for one in resources:
        perform(node, adapters()[adapter_of(one)].apply(Change(one.kind, one.key, one, None), context))


def seen(node: FakeNode, **limits: object) -> set[Resource]:
    scope = Scope(FACTS, **limits)  # type: ignore[arg-type]
    return {one for kind in ("exim", "dovecot") for one in perform(node, adapters()[kind].observe(scope))}


def test_what_is_written_is_read_back_and_probed(node: FakeNode) -> None:
    make(node, *EVERYTHING)
    assert seen(node, owner="kim") == seen(node) == set(EVERYTHING)
    assert seen(node, refs=frozenset({BOX.ref})) == {BOX}
    assert seen(node, owner="nobody") == set()
    for one in EVERYTHING:
        assert perform(node, adapters()[adapter_of(one)].probe(one, FACTS))
    assert not [r for _, r in node.requests if isinstance(r, Run) and "systemctl" in r.argv[0]]


def test_what_is_removed_leaves_nothing(node: FakeNode) -> None:
    make(node, *EVERYTHING)
    node.put("/home/kim/mail/a.test/info/Maildir/new/1", b"mine", owner="kim", group="kim")
    context = Context(removed_id="r1")
    remove(node, BOX, context=context)
    assert not node.exists("/home/kim/mail")
    perform(node, adapters()["dovecot"].apply(Change(BOX.kind, BOX.key, None, BOX), context))
    assert node.content("/home/kim/mail/a.test/info/Maildir/new/1") == b"mine"
    remove(node, BOX, ALIAS, DOMAIN)
    assert seen(node) == set()
    for root in ("domains", "owners", "boxes", "passwd"):
        assert node.tree.at(f"/etc/npanel/mail/{root}").children == {}


def test_who_may_sign_in_no_more_is_signed_out(node: FakeNode) -> None:
    make(node, BOX)
    make(node, replace(BOX, quota_mb=9), before=BOX)
    assert node.mail.kicked == []
    shut, other = replace(BOX, locked=True), replace(BOX, password_hash=Secret("$6$salt$" + "b" * 86))
    for before, after in ((BOX, shut), (shut, BOX), (BOX, other)):
        make(node, after, before=before)
    assert node.mail.kicked == [BOX.key] * 2
    remove(node, BOX)
    assert node.mail.kicked == [BOX.key] * 3


@pytest.mark.parametrize(
    "path", ["domains/a.test/domain", "domains/a.test/aliases/sales", "boxes/a.test/info", "passwd/a.test/info"]
)
def test_a_hand_made_change_is_seen(node: FakeNode, path: str) -> None:
    make(node, *EVERYTHING)
    text = node.content(f"/etc/npanel/mail/{path}")
    node.put(f"/etc/npanel/mail/{path}", text + b"# mine\n")
    (edited,) = seen(node, owner="kim") - set(EVERYTHING)
    assert getattr(edited, "edited", "")
    assert HASH.value not in getattr(edited, "edited", "")
    make(node, *(one for one in EVERYTHING if one.ref == edited.ref), before=edited)
    assert seen(node) == set(EVERYTHING)


def test_a_foreign_key_beside_ours_is_seen_and_goes(node: FakeNode) -> None:
    make(node, DOMAIN)
    node.put("/etc/npanel/mail/domains/a.test/dkim/old", b"x")
    assert seen(node) != {DOMAIN}
    make(node, DOMAIN, before=DOMAIN)
    assert seen(node) == {DOMAIN}


def test_a_domain_of_somebody_elses_is_refused(node: FakeNode) -> None:
    make(node, DOMAIN)
    with pytest.raises(HostingError) as refused:
        make(node, replace(DOMAIN, owner="bob"))
    assert refused.value.code == "mail_domain_taken"
    assert seen(node) == {DOMAIN}


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\u0085", "\u2028", "/../x", ":", "|x", " ", "${run{id}}"])
def test_hostile_values_are_refused(node: FakeNode, bad: str) -> None:
    broken = (
        replace(DOMAIN, name=f"a.test{bad}"),
        replace(DOMAIN, owner=f"kim{bad}"),
        replace(DOMAIN, catch_all=f"info{bad}@a.test"),
        replace(DOMAIN, dkim=(DkimKey(f"s{bad}", PEM),)),
        replace(DOMAIN, dkim=(DkimKey("s", Secret(PEM.value + bad)),)),
        replace(ALIAS, local_part=f"sales{bad}"),
        replace(ALIAS, targets=(f"x@far.test{bad}",)),
        replace(BOX, local_part=f"info{bad}"),
        replace(BOX, home=f"/home{bad}/kim"),
        replace(BOX, password_hash=Secret(HASH.value + bad)),
        replace(BOX, forward_to=(f"x{bad}@far.test",)),
    )
    for one in broken:
        with pytest.raises(UnsafeValue):
            make(node, one)
    assert seen(node) == set()


@pytest.mark.parametrize("bad", ["\r", "\0", "\x85", "\u2028", "\x1b"])
def test_an_answer_holds_no_control_characters(bad: str) -> None:
    for reply in (Autoreply(f"a{bad}", "b"), Autoreply("a", f"b{bad}"), Autoreply("a\n", "b")):
        with pytest.raises(MailInvalid):
            check_autoreply(reply)
    for start, end in (("2026-02-30", ""), ("", "tomorrow"), ("2026-03-02", "2026-03-01")):
        with pytest.raises(MailInvalid):
            check_autoreply(Autoreply("a", "b", start, end))


@pytest.mark.parametrize("bad", ["", ".a", "a.", "a..b", "a/b", "..", "a b", "a+b", "-a", "a" * 65, "a@b", "|a", "ü"])
def test_names_of_addresses(bad: str) -> None:
    assert own_local_part(" Info ") == "info"
    with pytest.raises(MailInvalid):
        own_local_part(bad)
    with pytest.raises(MailInvalid):
        mail_address(bad)


def test_addresses_have_one_spelling() -> None:
    assert mail_addresses(["B+x@Bücher.example", "a@b.test", "A@b.test"]) == ("a@b.test", "b+x@xn--bcher-kva.example")


def test_who_may_send_as_whom_is_asked_of_from_as_it_stands() -> None:
    """Decoded, ``=?utf-8?q?=28?= <ann@b.test>, =?utf-8?q?=29?= <kim@a.test>`` is one address after a comment."""
    files = {one.path: one.content for one in exim_setup.node_resources(FACTS) if isinstance(one, NodeFile)}
    text = files[exim_setup.CONFIGURATION]
    assert "$h_From:" not in text and text.count("forany{<: $lh_From:}") == 3


def test_no_bounce_says_where_mail_goes_on_to() -> None:
    files = {one.path: one.content for one in exim_setup.node_resources(FACTS) if isinstance(one, NodeFile)}
    routers = files[exim_setup.CONFIGURATION].partition("begin routers")[2].partition("begin transports")[0]
    for name in ("aliases", "forward", "catch_all"):
        assert "  hide_child_in_errmsg\n" in routers.partition(f"\n{name}:\n")[2].partition("\n\n")[0] + "\n", name
