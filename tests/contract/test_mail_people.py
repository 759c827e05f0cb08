"""What people do with their mail on a real node: read it by POP3, filter it, be away, be full, send it on."""

import poplib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hosting.adapters.base import NodeFacts
from hosting.connections.base import Connection, Context
from hosting.state import MailAlias, plan, state_of
from tests.contract import letters
from tests.contract.contract import SetUp, carry_out
from tests.contract.letters import Filters, letter, refusal
from tests.contract.test_mail_flow import DOMAIN, HOST, OWNER, ZONE, Post, boxes_of
from tests.lab.nodes import Node

ALIAS = MailAlias("post", "post.test", "full", ("tiny@post.test",))
AWAY = (
    'require ["vacation", "date", "relational"];\r\n'
    'if allof (currentdate :value "ge" "date" "%s", currentdate :value "le" "date" "%s") {\r\n'
    '    vacation :days 1 :subject "%s" "Bis bald.";\r\n'
    "}\r\n"
)


@pytest.fixture(scope="module")
def facts(set_up: SetUp) -> NodeFacts:
    return set_up("system_user", "exim", "dovecot", "powerdns")


@pytest.fixture(scope="module")
def post(node: Node, connection: Connection, facts: NodeFacts) -> Iterator[Post]:
    """A service with mailboxes; the filter of spam is not there, which stops nothing."""
    boxes = boxes_of("kim", "ann", "tiny", "hop")
    boxes["tiny"] = replace(boxes["tiny"], quota_mb=1)
    boxes["hop"] = replace(boxes["hop"], forward_to=("bob@far.test",))
    everything = state_of([OWNER, DOMAIN, ZONE, ALIAS, *boxes.values()])
    carry_out(connection, plan({}, everything))
    resolver = node.read("/etc/resolv.conf")
    node.write("/etc/resolv.conf", f"nameserver {node.address}\n")
    with letters.elsewhere(HOST) as world:
        yield Post(node, connection, world, boxes)
    node.write("/etc/resolv.conf", resolver)
    carry_out(connection, plan(everything, {}), Context())


def test_mail_is_read_by_pop3(post: Post) -> None:
    post.deliver("ann@post.test", "by-pop")
    post.arrives("ann", "by-pop")
    client = poplib.POP3_SSL(post.node.address, 995, context=letters.anyones_tls())
    client.user("ann@post.test")
    client.pass_(letters.PASSWORD)
    count, _size = client.stat()
    assert b"Subject: by-pop" in client.retr(count)[1]
    client.quit()
    plain = poplib.POP3(post.node.address)
    with pytest.raises(poplib.error_proto):
        plain.user("ann@post.test")
    plain.close()


def test_a_reload_ends_nobodys_session(post: Post) -> None:
    with letters.imap(post.node.address, "ann@post.test") as client:
        post.node.exec(["doveadm", "reload"], check=True)
        post.node.exec(["sleep", "1"])
        assert client.noop()[0] == "OK"


def test_a_filter_of_ones_own_files_mail(post: Post) -> None:
    filters = Filters(post.node.address, "kim@post.test")
    script = 'require ["fileinto", "mailbox"];\r\nif header :contains "Subject" "offer" {fileinto :create "Shop";}\r\n'
    assert filters.upload(script).startswith("OK")
    post.deliver("kim@post.test", "an offer")
    post.deliver("kim@post.test", "a letter")
    post.arrives("kim", "an offer", "Shop")
    post.arrives("kim", "a letter")
    assert filters.none().startswith("OK")


def test_a_filter_of_ones_own_breaks_and_runs_nothing(post: Post) -> None:
    filters = Filters(post.node.address, "kim@post.test")
    assert filters.upload("if whatever {").startswith("NO")
    piped = 'require "vnd.dovecot.pipe";\r\npipe "teach" ["spam", "kim@post.test"];\r\n'
    assert filters.upload(piped).startswith("NO")
    assert filters.upload('require "fileinto";\r\nfileinto "Missing";\r\n').startswith("OK")
    post.deliver("kim@post.test", "to-nowhere")
    post.arrives("kim", "to-nowhere")
    home = "/home/post/mail/post.test/kim"
    post.node.write(f"{home}/sieve/mine.sieve", "if broken by hand {{{")
    post.node.exec(["touch", "-d", "+1 minute", f"{home}/sieve/mine.sieve"], check=True)
    post.deliver("kim@post.test", "broken-by-hand")
    post.arrives("kim", "broken-by-hand")
    assert filters.none().startswith("OK")


def test_a_filter_answers_between_its_dates_only(post: Post) -> None:
    filters = Filters(post.node.address, "ann@post.test")
    assert filters.upload(AWAY % ("2020-01-01", "2020-02-01", "Gone-then")).startswith("OK")
    post.deliver("ann@post.test", "when you were back")
    post.arrives("ann", "when you were back")
    assert filters.upload(AWAY % ("2020-01-01", "2099-12-31", "Gone-now")).startswith("OK")
    post.deliver("ann@post.test", "while you are away")
    answer = post.goes_out("Gone-now")
    assert b"From: <ann@post.test>" in answer or b"From: ann@post.test" in answer
    assert post.world.about("Gone-then") == []
    assert filters.none().startswith("OK")


def test_what_a_filter_sends_on_is_sent_in_the_mailboxs_name(post: Post) -> None:
    filters = Filters(post.node.address, "ann@post.test")
    assert filters.upload('require "copy";\r\nredirect :copy "bob@far.test";\r\n').startswith("OK")
    post.deliver("ann@post.test", "redirected")
    assert post.world.senders[post.goes_out("redirected")] == "ann@post.test"
    assert filters.none().startswith("OK")


def test_a_full_mailbox_takes_no_more_and_says_so(post: Post) -> None:
    def send(recipient: str, subject: str) -> None:
        message = letter("bob@far.test", recipient, subject)
        message.set_content("0123456789 " * 60_000)
        letters.deliver(post.node.address, message)

    send("tiny@post.test", "fits")
    post.arrives("tiny", "fits")
    assert refusal(lambda: send("tiny@post.test", "too much")) == "552 5.2.2 This mailbox is full"
    assert refusal(lambda: send("tiny+tag@post.test", "too much")).startswith("552")
    send("full@post.test", "too much by an alias")
    bounce = post.goes_out("Mail delivery failed")
    assert b"full@post.test" in bounce and b"tiny@post.test" not in bounce, "where an alias leads is nobody's business"
    post.deliver("tiny@post.test", "small")
    post.arrives("tiny", "small")


def test_what_is_sent_on_comes_from_the_domain_that_sends_it_on(post: Post) -> None:
    """So that SPF holds: its record names this node. A bounce of it goes back to whom it was from."""
    post.deliver("hop@post.test", "onward")
    sender = post.world.senders[post.goes_out("onward")]
    assert sender.startswith("SRS0=")
    assert sender.endswith("=far.test=bob@post.test")
    letters.deliver(post.node.address, letter("mailer@far.test", sender, "bounced"), sender="")
    assert post.world.senders[post.goes_out("bounced")] == ""
    forged = sender.replace("=bob@", "=carol@")
    assert refusal(lambda: letters.deliver(post.node.address, letter("x@far.test", forged, "x"), sender="")) > "501"
    assert refusal(lambda: letters.deliver(post.node.address, letter("x@far.test", sender, "x"))).startswith("550")
    post.submit("kim", "hop@post.test", "of-ours")
    assert post.world.senders[post.goes_out("of-ours")] == "kim@post.test"
