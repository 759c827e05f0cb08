"""Certificates of mail domains on real daemons: each name is shown its own, and nobody's session ends for it."""

import hashlib
import imaplib
import smtplib
import socket
from pathlib import Path

import pytest

from hosting.adapters.base import adapters
from hosting.adapters.tls.pem import fingerprint
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ProbeFailed
from hosting.state import MailCertificate, MailDomain, Resource, plan, state_of
from tests.certificates import Authority
from tests.contract import letters
from tests.contract.contract import Case, SetUp, carry_out, check_contract
from tests.contract.letters import eventually
from tests.contract.test_mail_flow import OWNER, boxes_of
from tests.lab.nodes import Node
from tests.pem import certificate

pytestmark = pytest.mark.lab
DOMAIN = MailDomain("post", "post.test")
NEEDS: tuple[Resource, ...] = (OWNER, DOMAIN)
NAMES = ("mail.post.test", "post.test")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def of(authority: Authority, folder: Path) -> MailCertificate:
    found = certificate(authority, folder, "post", "post.test")
    return MailCertificate("post", "post.test", NAMES, found.chain, found.key_pem)


def shown(node: Node, port: int, name: str) -> str:
    """SHA-256 of the certificate that is shown to a program that asks for a name."""
    context = letters.anyones_tls()
    if port == 587:
        with smtplib.SMTP(node.address, port) as client:
            client.ehlo()
            assert client.docmd("STARTTLS")[0] == 220
            with context.wrap_socket(client.sock, server_hostname=name) as secured:  # type: ignore[arg-type]
                return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
    with (
        socket.create_connection((node.address, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def test_it_keeps_the_contract(
    node: Node, connection: Connection, set_up: SetUp, authority: Authority, tmp_path: Path
) -> None:
    facts = set_up("system_user", "exim", "dovecot")
    first, second = (of(authority, tmp_path / number) for number in ("1", "2"))
    check_contract(Case(adapters()["mail_tls"], connection, node, facts, (first,), (second,), needs=NEEDS))


def test_each_name_is_shown_its_own_certificate(
    node: Node, connection: Connection, set_up: SetUp, authority: Authority, tmp_path: Path
) -> None:
    facts = set_up("system_user", "exim", "dovecot")
    first, second = (of(authority, tmp_path / number) for number in ("1", "2"))
    box = boxes_of("kim")["kim"]

    def become(before: tuple[Resource, ...], after: tuple[Resource, ...]) -> None:
        carry_out(connection, plan(state_of(before), state_of(after)), Context())

    become((), (*NEEDS, box))
    state = _exim(node)
    everybodys = {port: shown(node, port, "mail.post.test") for port in (465, 587, 993, 995)}
    with imaplib.IMAP4(node.address) as client:
        client.starttls(letters.anyones_tls())
        client.login("kim@post.test", letters.PASSWORD)
        for before, one in (((), first), ((first,), second)):
            become(before, (one,))
            wanted = fingerprint(one.chain)
            for port in (465, 587):
                assert shown(node, port, "mail.post.test") == shown(node, port, "post.test") == wanted
            for port in (993, 995):
                eventually(lambda port=port, wanted=wanted: shown(node, port, "mail.post.test") == wanted, f"{port}")
            for port, other in everybodys.items():
                assert shown(node, port, "mail.other.test") == other != wanted
            assert perform(connection, adapters()["mail_tls"].probe(one, facts)) == "shown for 2 name(s)"
        with pytest.raises(ProbeFailed):
            perform(connection, adapters()["mail_tls"].probe(first, facts))
        assert client.noop()[0] == "OK"
    assert _exim(node) == state, "Exim was told of it"
    become((second,), ())
    for port in (465, 587):
        assert shown(node, port, "mail.post.test") == everybodys[port]
    become((*NEEDS, box), ())


def _exim(node: Node) -> str:
    show = ["systemctl", "show", "exim4", "--property=MainPID,ActiveEnterTimestampMonotonic,NRestarts"]
    return node.exec(show, check=True).stdout
