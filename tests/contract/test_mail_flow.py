"""Mail on a real node as people meet it: sent, received, sent on, answered, refused, while MariaDB is down."""

import smtplib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.message import Message

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from hosting.adapters.base import NodeFacts
from hosting.connections.base import Connection, Context
from hosting.state import (
    Autoreply,
    DnsRecord,
    DnsZone,
    MailAlias,
    Mailbox,
    MailDomain,
    Resource,
    Secret,
    SystemUser,
    plan,
    state_of,
)
from tests.contract import letters
from tests.contract.contract import SetUp, carry_out
from tests.contract.letters import Elsewhere, eventually, letter, refusal, subjects
from tests.contract.test_exim import dkim_key
from tests.lab.nodes import Node

HOST = "10.77.0.1"
OWNER, OTHER = SystemUser("post", "/home/post"), SystemUser("rival", "/home/rival")
KEY = dkim_key("n1")
DOMAIN = MailDomain("post", "post.test", catch_all="ann@post.test", dkim=(KEY,))
RIVAL = MailDomain("rival", "rival.test")
ZONE = DnsZone(
    "post",
    "far.test",
    "ns1.far.test",
    "hostmaster.far.test",
    (
        DnsRecord("far.test", "MX", "10 mx.far.test."),
        DnsRecord("far.test", "NS", "ns1.far.test."),
        DnsRecord("mx.far.test", "A", HOST),
        DnsRecord("ns1.far.test", "A", HOST),
    ),
)


@dataclass
class Post:
    """The node's mail, and the world around it."""

    node: Node
    connection: Connection
    world: Elsewhere
    mailboxes: dict[str, Mailbox]

    def change(self, before: Resource | None, after: Resource | None) -> None:
        """Carry one change out."""
        old, new = ([] if side is None else [side] for side in (before, after))
        carry_out(self.connection, plan(state_of(old), state_of(new)))

    def mail(self, name: str, subject: str, folder: str = "INBOX") -> Message:
        """A mail that has arrived, or does so soon."""
        self.arrives(name, subject, folder)
        return letters.mail_about(self.node.address, f"{name}@post.test", subject, folder)

    def submit(self, name: str, recipient: str, subject: str, *, header: str = "", **more: str | int) -> None:
        """Send as one of the mailboxes' owners."""
        login = f"{name}@post.test"
        letters.submit(self.node.address, login, letter(header or login, recipient, subject), **more)  # type: ignore[arg-type]

    def deliver(self, recipient: str, subject: str, **headers: str) -> None:
        """Send as a stranger."""
        letters.deliver(self.node.address, letter("bob@far.test", recipient, subject, **headers))

    def arrives(self, name: str, subject: str, folder: str = "INBOX") -> None:
        """Wait for a message in a mailbox."""
        login = f"{name}@post.test"
        eventually(lambda: subject in subjects(self.node.address, login, folder), f"{subject} for {login}")

    def goes_out(self, subject: str) -> bytes:
        """Wait for a message elsewhere."""
        log = "/var/log/exim4/mainlog"
        eventually(lambda: bool(self.world.about(subject)), f"{subject} elsewhere", lambda: self.node.read(log)[-3000:])
        return self.world.about(subject)[0]


@pytest.fixture(scope="module")
def facts(set_up: SetUp) -> NodeFacts:
    return set_up("system_user", "exim", "dovecot", "powerdns")


@pytest.fixture(scope="module")
def post(node: Node, connection: Connection, facts: NodeFacts) -> Iterator[Post]:
    """Two services with mail, while the node's MariaDB is down."""
    reply = Autoreply("Übermorgen", "Bis bald, grüße\n", start="2020-01-01")
    boxes = boxes_of("kim", "ann", "shut", "few", "away", "late", "hop", "gone")
    boxes["shut"] = replace(boxes["shut"], locked=True)
    boxes["few"] = replace(boxes["few"], sends_per_hour=2)
    boxes["away"] = replace(boxes["away"], autoreply=reply)
    boxes["late"] = replace(boxes["late"], autoreply=replace(reply, end="2020-02-01"))
    boxes["hop"] = replace(boxes["hop"], forward_to=("bob@far.test",))
    boxes["gone"] = replace(boxes["gone"], forward_to=("bob@far.test",), keep=False)
    alias = MailAlias("post", "post.test", "sales", ("ann@post.test", "kim@post.test"))
    everything = state_of([OWNER, OTHER, DOMAIN, RIVAL, ZONE, alias, *boxes.values()])
    carry_out(connection, plan({}, everything))
    resolver = node.read("/etc/resolv.conf")
    node.write("/etc/resolv.conf", f"nameserver {node.address}\n")
    node.exec(["systemctl", "stop", "mariadb"], check=True)
    with letters.elsewhere(HOST) as world:
        yield Post(node, connection, world, boxes)
    node.exec(["systemctl", "start", "mariadb"], check=True)
    node.write("/etc/resolv.conf", resolver)
    carry_out(connection, plan(everything, {}), Context())


def hash_of(password: str) -> str:
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, text=True, capture_output=True, check=True
    )
    return done.stdout.strip()


def boxes_of(*names: str) -> dict[str, Mailbox]:
    """Plain mailboxes of the first service."""
    hashed = Secret(hash_of(letters.PASSWORD))
    return {name: Mailbox("post", "post.test", name, "/home/post", hashed) for name in names}


@pytest.mark.parametrize("port", [587, 465])
def test_what_is_sent_arrives(post: Post, port: int) -> None:
    post.submit("kim", "ann@post.test", f"hello-{port}", port=port)
    post.arrives("ann", f"hello-{port}")


def test_what_leaves_is_signed(post: Post) -> None:
    post.submit("kim", "bob@far.test", "signed")
    public = load_pem_private_key(KEY.private_key.value.encode(), None).public_key()
    body = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().splitlines()[1:-1]
    asked: list[str] = []

    def text_record(name: bytes, timeout: float = 5.0) -> bytes:
        asked.append(name.decode())
        return f"v=DKIM1; k=rsa; p={''.join(body)}".encode()

    assert dkim.verify(post.goes_out("signed"), dnsfunc=text_record)
    assert asked == ["n1._domainkey.post.test."]


def test_what_a_stranger_forges_is_not_signed_on_its_way(post: Post) -> None:
    forged = letter("kim@post.test", "hop@post.test", "forged")
    letters.deliver(post.node.address, forged, "bob@far.test")
    assert b"DKIM-Signature" not in post.goes_out("forged")


@pytest.mark.parametrize("port", [25, 587])
def test_a_stranger_cannot_relay(post: Post, port: int) -> None:
    def relay(recipient: str) -> Callable[[], object]:
        def act() -> None:
            with smtplib.SMTP(post.node.address, port) as client:
                client.send_message(letter("bob@far.test", recipient, "relay"), from_addr="bob@far.test")

        return act

    for recipient in ("bob@far.test", "bob%far.test@post.test", "bob@[10.77.0.1]", "@post.test:bob@far.test"):
        assert refusal(relay(recipient)).startswith("5"), recipient
    assert post.world.about("relay") == []


def test_nobody_signs_in_without_tls(post: Post) -> None:
    for port in (25, 587):
        with smtplib.SMTP(post.node.address, port) as client:
            client.ehlo()
            assert not client.has_extn("auth")


def test_the_wrong_password_opens_nothing(post: Post) -> None:
    with smtplib.SMTP(post.node.address, 587) as client:
        client.starttls(context=letters.anyones_tls())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("kim@post.test", "wrong")


def test_people_send_only_as_themselves(post: Post) -> None:
    assert "may not send" in refusal(lambda: post.submit("kim", "ann@post.test", "x", sender="ann@post.test"))
    assert "may not send" in refusal(lambda: post.submit("kim", "ann@post.test", "x", sender="x@rival.test"))
    assert "may not send" in refusal(lambda: post.submit("kim", "ann@post.test", "x", header="ann@post.test"))
    assert "may not send" in refusal(lambda: post.submit("away", "ann@post.test", "x", sender="sales@post.test"))
    post.submit("kim", "ann@post.test", "as-sales", sender="sales@post.test", header="sales@post.test")
    post.arrives("ann", "as-sales")


def test_an_alias_leads_to_all_its_targets(post: Post) -> None:
    post.deliver("sales@post.test", "offer")
    post.arrives("ann", "offer")
    post.arrives("kim", "offer")


def test_a_tag_leads_to_the_mailbox_and_the_rest_to_the_catch_all(post: Post) -> None:
    post.deliver("kim+shop@post.test", "tagged")
    post.arrives("kim", "tagged")
    post.deliver("whoever@post.test", "caught")
    post.arrives("ann", "caught")
    assert refusal(lambda: post.deliver("whoever@rival.test", "lost")).startswith("550")


def test_a_forwarder_sends_on_with_or_without_a_copy(post: Post) -> None:
    post.deliver("hop@post.test", "copied")
    post.goes_out("copied")
    post.arrives("hop", "copied")
    post.deliver("gone@post.test", "moved")
    post.goes_out("moved")
    assert subjects(post.node.address, "gone@post.test") == []


def test_an_answer_comes_once_within_its_dates(post: Post) -> None:
    post.deliver("away@post.test", "first")
    post.deliver("late@post.test", "too late")
    answer = post.goes_out("Auto-Submitted: auto-replied")
    assert "grüße".encode() in answer
    assert b"From: away@post.test" in answer
    post.deliver("away@post.test", "second")
    post.deliver("away@post.test", "list", List_Id="<a.far.test>")
    post.arrives("away", "list")
    post.arrives("late", "too late")
    post.submit("kim", "bob@far.test", "afterwards")
    post.goes_out("afterwards")
    assert len(post.world.about("Auto-Submitted: auto-replied")) == 1


def test_a_locked_mailbox_takes_and_sends_nothing(post: Post) -> None:
    assert "locked" in refusal(lambda: post.deliver("shut@post.test", "x"))
    with pytest.raises(smtplib.SMTPAuthenticationError):
        post.submit("shut", "ann@post.test", "x")


def test_a_mailbox_sends_to_so_many_an_hour(post: Post) -> None:
    for number in range(2):
        post.submit("few", "ann@post.test", f"few-{number}")
    said = refusal(lambda: post.submit("few", "ann@post.test", "few-3"))
    assert said == "451 4.7.1 This mailbox may send to 2 recipients an hour. Try again later"
    post.arrives("ann", "few-1")


def test_a_customers_program_sends_as_its_own_domains(post: Post) -> None:
    def send(user: str, header: str = "kim@post.test", sender: str = "kim@post.test", to: str = "bob@far.test") -> int:
        text = f"From: {header}\nTo: {to}\nSubject: by-{user}\n\nx\n"
        command = ["runuser", "-u", user, "--", "/usr/sbin/sendmail", "-oi", "-f", sender, "-t"]
        return post.node.exec(command, input=text).returncode

    assert send("post") == 0
    assert b"DKIM-Signature" in post.goes_out("by-post")
    assert send("rival") != 0
    for header in (
        "=?utf-8?q?=28?= <kim@post.test>, =?utf-8?q?=29?= <x@far.test>",
        '"a,b"@post.test',
        "kim@post.test <x",
    ):
        assert send("rival", header, "x@far.test") != 0, header
    many = ", ".join(f"bob{number}@far.test" for number in range(101))
    assert send("rival", "x@far.test", "x@far.test", many) != 0, "a hacked form floods nobody in a foreign name"
    assert post.world.about("by-rival") == []
    assert send("rival", "x@far.test", "x@far.test") == 0


def test_a_suspended_domain_holds_mail_off_and_sends_nothing(post: Post) -> None:
    post.change(DOMAIN, replace(DOMAIN, suspended=True))
    assert refusal(lambda: post.deliver("kim@post.test", "x")).startswith("451")
    assert "suspended" in refusal(lambda: post.submit("kim", "bob@far.test", "x"))
    post.change(replace(DOMAIN, suspended=True), DOMAIN)
    post.deliver("kim@post.test", "resumed")
    post.arrives("kim", "resumed")


def test_a_domain_with_its_mail_elsewhere_is_not_delivered_here(post: Post) -> None:
    far = MailDomain("post", "far.test", local=False)
    post.change(None, far)
    assert refusal(lambda: post.deliver("bob@far.test", "x")).startswith("550")
    post.submit("kim", "bob@far.test", "to-its-mx")
    post.goes_out("to-its-mx")
    post.change(far, None)


def test_nothing_is_reloaded_for_a_mailbox(post: Post) -> None:
    def state() -> str:
        show = ["systemctl", "show", "exim4", "dovecot", "--property=MainPID,ActiveEnterTimestampMonotonic,NRestarts"]
        logged = ["journalctl", "-u", "dovecot", "-u", "exim4", "--grep=SIGHUP|reload", "-q"]
        return post.node.exec(show, check=True).stdout + post.node.exec(logged).stdout

    before = state()
    box = replace(post.mailboxes["kim"], local_part="new")
    alias = MailAlias("post", "post.test", "newer", ("new@post.test",))
    post.change(None, box)
    post.change(None, alias)
    post.deliver("newer@post.test", "at once")
    post.arrives("new", "at once")
    post.change(box, replace(box, locked=True))
    assert "locked" in refusal(lambda: post.deliver("new@post.test", "x"))
    post.change(alias, None)
    post.change(replace(box, locked=True), None)
    assert state() == before
