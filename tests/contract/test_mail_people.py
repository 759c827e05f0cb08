"""What people do with their mail on a real node: read it by POP3, filter it, be away, be full; certificates by name."""

import poplib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

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
    assert b"5.2.2" in post.goes_out("Mail delivery failed")
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


@pytest.mark.parametrize("port", [465, 587])
def test_smtp_shows_the_certificate_of_the_name_that_is_asked_for(post: Post, port: int) -> None:
    before = _state(post.node)
    _certificate(post.node, "mail.post.test")
    assert _shown(post.node, port, "mail.post.test") == "mail.post.test"
    assert _shown(post.node, port, "mail.other.test") != "mail.post.test"
    assert _state(post.node) == before, "Exim was told of it"
    post.node.exec(["rm", "/etc/npanel/tls/mail.post.test.pem"], check=True)


def _certificate(node: Node, name: str) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2"]
    node.exec([*made, "-keyout", "/tmp/key", "-out", "/tmp/certificate"], check=True)
    path = f"/etc/npanel/tls/{name}.pem"
    node.exec(["sh", "-c", f"cat /tmp/key /tmp/certificate > {path}; chmod 640 {path}; chgrp Debian-exim {path}"])


def _shown(node: Node, port: int, name: str) -> str:
    tls = letters.anyones_tls()
    if port == 587:
        with smtplib.SMTP(node.address, port) as client:
            client.ehlo()
            client.putcmd("STARTTLS")
            client.getreply()
            with tls.wrap_socket(client.sock, server_hostname=name) as secured:  # type: ignore[arg-type]
                shown = secured.getpeercert(binary_form=True)
    else:
        with socket.create_connection((node.address, port), timeout=10) as plain:
            shown = _certificate_shown(tls, plain, name)
    return str(
        x509.load_der_x509_certificate(shown or b"").subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    )


def _certificate_shown(tls: ssl.SSLContext, plain: socket.socket, name: str) -> bytes | None:
    with tls.wrap_socket(plain, server_hostname=name) as secured:
        return secured.getpeercert(binary_form=True)


def _state(node: Node) -> str:
    show = ["systemctl", "show", "exim4", "dovecot", "--property=MainPID,ActiveEnterTimestampMonotonic,NRestarts"]
    return node.exec(show, check=True).stdout
