"""The mail queue of a real Exim: what waits is seen, held, released, tried again and deleted."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapter_for
from hosting.adapters.mail_queue import look, retry
from hosting.adapters.mail_queue.answers import Waiting
from hosting.adapters.mail_queue.log import What, search
from hosting.connections.base import Connection, perform
from hosting.operations.mail_check import _port
from hosting.state import MailDomain, QueuedMessage, SystemUser, plan, state_of
from tests.contract.contract import SetUp, carry_out
from tests.contract.letters import eventually
from tests.lab.nodes import Node

OWNER = SystemUser("queued", "/home/queued")
#: Mail to it waits, and says why, without a question to the DNS.
SHUT, LATE = MailDomain("queued", "shut.test", suspended=True), "ann@shut.test"


@pytest.fixture(scope="module")
def facts(node: Node, connection: Connection, set_up: SetUp) -> Iterator[NodeFacts]:
    known = set_up("system_user", "exim")
    carry_out(connection, plan({}, state_of([OWNER, SHUT])))
    yield known
    carry_out(connection, plan(state_of([OWNER, SHUT]), {}))


@pytest.fixture(autouse=True)
def empty(node: Node, connection: Connection, facts: NodeFacts) -> Iterator[None]:
    """Nothing waits: neither what tests of other files left, nor afterwards."""
    _delete_all(node, connection)
    yield
    _delete_all(node, connection)


def _delete_all(node: Node, connection: Connection) -> None:
    for message in waiting(connection):
        node.exec(["exim4", "-Mrm", message.message_id])


def send(node: Node, sender: str, *recipients: str, user: str = "queued") -> None:
    """A program of a customer's leaves a message in the queue."""
    argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "/usr/sbin/exim4", "-odq", "-f", sender]
    node.exec([*argv, *recipients], input="Subject: SECRET\n\nSECRET\n", check=True)


def waiting(connection: Connection) -> tuple[Waiting, ...]:
    return perform(connection, look()).messages


def seen(connection: Connection, facts: NodeFacts, message_id: str) -> tuple[object, ...]:
    scope = Scope(facts, refs=frozenset({QueuedMessage(message_id).ref}))
    return perform(connection, adapter_for("queued_message").observe(scope))


def test_what_waits_is_seen_as_it_is(node: Node, connection: Connection, facts: NodeFacts) -> None:
    assert perform(connection, look()).total == 0
    odd = '"a\' b"@nowhere.invalid'
    send(node, "form@queued.test", "ann@nowhere.invalid", odd)
    send(node, "<>", "bob@nowhere.invalid")
    found = perform(connection, look())
    assert (found.present, found.total) == (True, 2)
    first, second = found.messages
    assert (first.sender, set(first.recipients), first.count) == ("form@queued.test", {"ann@nowhere.invalid", odd}, 2)
    assert (first.login, first.auth, first.held, first.domains) == ("queued", "", False, ("nowhere.invalid",))
    assert (second.sender, second.recipients) == ("", ("bob@nowhere.invalid",))
    assert found.oldest <= first.since <= found.oldest + 60 and first.size > 100
    assert "SECRET" not in str(found)


def test_a_message_is_held_released_and_deleted(node: Node, connection: Connection, facts: NodeFacts) -> None:
    send(node, "form@queued.test", "ann@nowhere.invalid")
    (message,) = waiting(connection)
    loose, held = QueuedMessage(message.message_id), QueuedMessage(message.message_id, held=True)
    assert seen(connection, facts, message.message_id) == (loose,)
    carry_out(connection, plan(state_of([loose]), state_of([held])))
    assert seen(connection, facts, message.message_id) == (held,)
    assert "frozen" in node.exec(["exim4", "-bp"]).stdout
    carry_out(connection, plan(state_of([held]), state_of([loose])))
    assert seen(connection, facts, message.message_id) == (loose,)
    carry_out(connection, plan(state_of([loose]), {}))
    assert seen(connection, facts, message.message_id) == ()
    carry_out(connection, plan(state_of([loose]), {}))
    assert node.exec(["exim4", "-bpc"]).stdout.strip() == "0"


def test_another_try_delivers_or_says_why_not(node: Node, connection: Connection, facts: NodeFacts) -> None:
    send(node, "form@queued.test", f"root@{facts.hostname}", LATE)
    (message,) = waiting(connection)
    assert message.said == ""
    perform(connection, retry(message.message_id))

    def only_one_is_left() -> bool:
        return [one.recipients for one in waiting(connection)] in ([(LATE,)], [])

    eventually(only_one_is_left, "delivery to the node's own", lambda: node.read("/var/log/exim4/mainlog")[-2000:])
    assert "SECRET" in node.read("/var/mail/root")

    def it_is_told() -> bool:
        return all(LATE in left.said for left in waiting(connection))

    eventually(it_is_told, "why the other was not delivered")


def test_a_queue_run_is_no_drift(node: Node, connection: Connection, facts: NodeFacts) -> None:
    send(node, "form@queued.test", "ann@nowhere.invalid")
    assert perform(connection, adapter_for("queued_message").observe(Scope(facts))) == ()


def test_the_log_tells_what_became_of_a_message(node: Node, connection: Connection, facts: NodeFacts) -> None:
    send(node, "form@queued.test", f"root@{facts.hostname}", LATE)
    (message,) = waiting(connection)
    perform(connection, retry(message.message_id))
    eventually(lambda: all("ann@" in left.said for left in waiting(connection)), "both were tried")
    (story,) = perform(connection, search(message.message_id)).stories
    assert (story.sender, story.login, story.auth) == ("form@queued.test", "queued", "")
    assert set(story.recipients) == {f"root@{facts.hostname}", LATE} and story.size > 50
    told = {event.address: event.what for event in story.events if event.address}
    assert told[f"root@{facts.hostname}"] == What.DELIVERED
    assert told[LATE] == What.DEFERRED
    assert message.message_id in {one.message_id for one in perform(connection, search(LATE)).stories}
    assert perform(connection, search("nobody@at.all")).stories == ()


def test_the_log_tells_what_was_not_taken(node: Node, connection: Connection, facts: NodeFacts) -> None:
    letter = EmailMessage()
    letter["Subject"] = "relay"
    with smtplib.SMTP(node.address, 25) as client, pytest.raises(smtplib.SMTPRecipientsRefused):
        client.send_message(letter, from_addr="bob@far.test", to_addrs=["stranger@else.test"])
    found = perform(connection, search("stranger@else.test"))
    assert [(event.address, event.what) for event in found.refused] == [("stranger@else.test", What.REFUSED)]
    assert "Relay not permitted" in found.refused[0].detail


def test_its_ports_encrypt(node: Node, facts: NodeFacts) -> None:
    for port in (25, 587):
        assert _port(node.address, port, facts.hostname).verdict == "untrusted", "its own certificate is nobody's"
