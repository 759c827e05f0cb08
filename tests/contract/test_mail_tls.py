"""Certificates for mail on a real node: the contract, and what Exim and Dovecot show by name."""

import hashlib
import socket
import ssl
from pathlib import Path

import pytest

from hosting.adapters.base import adapters
from hosting.adapters.tls.pem import fingerprint
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ConfigurationInvalid, ProbeFailed
from hosting.state import MailCertificate, Secret, SystemUser, plan, state_of
from tests.certificates import Authority
from tests.contract.contract import Case, SetUp, carry_out, check_contract
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
OWNER, NAME = "posta", "mail.posta.test"
NEEDS = (SystemUser(OWNER, f"/home/{OWNER}"),)
KINDS = ("system_user", "exim", "dovecot", "mail_tls")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def certificate(authority: Authority, folder: Path, name: str = NAME) -> MailCertificate:
    files = authority.issue(folder, name)
    return MailCertificate(OWNER, name, files.certificate.read_text(), Secret(files.key.read_text()))


def shown(node: Node, name: str, port: int) -> str:
    """SHA-256 of what a mail program is shown for a name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((node.address, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def test_it_keeps_the_contract(
    node: Node, connection: Connection, set_up: SetUp, authority: Authority, tmp_path: Path
) -> None:
    first, second = (certificate(authority, tmp_path / number) for number in ("1", "2"))
    facts = set_up(*KINDS)
    check_contract(Case(adapters()["mail_tls"], connection, node, facts, (first,), (second,), needs=NEEDS))


def test_both_servers_show_it_by_name_and_their_own_to_others(
    node: Node, connection: Connection, set_up: SetUp, authority: Authority, tmp_path: Path
) -> None:
    facts, adapter = set_up(*KINDS), adapters()["mail_tls"]
    one, two = certificate(authority, tmp_path / "1"), certificate(authority, tmp_path / "2", "mail.postb.test")
    other = certificate(authority, tmp_path / "3")
    carry_out(connection, plan({}, state_of([*NEEDS, one, two])))
    assert perform(connection, adapter.probe(one, facts)).startswith("shown by name")
    own = shown(node, "nobody.test", 465)
    for port in (465, 993):
        assert shown(node, NAME, port) == fingerprint(one.chain)
        assert shown(node, "mail.postb.test", port) == fingerprint(two.chain)
        assert shown(node, "nobody.test", port) == own
    assert node.exec(["stat", "-c", "%a %U %G", f"/etc/npanel/tls/{NAME}.pem"]).stdout.split() == [
        "640", "root", "Debian-exim",
    ]  # fmt: skip
    with pytest.raises(ProbeFailed):
        perform(connection, adapter.probe(other, facts))
    carry_out(connection, plan(state_of([one]), state_of([other])))
    assert shown(node, NAME, 465) == fingerprint(other.chain)
    carry_out(connection, plan(state_of([other, two, *NEEDS]), {}), Context())
    assert shown(node, NAME, 465) == own


def test_what_dovecot_can_not_read_is_refused(
    node: Node, connection: Connection, set_up: SetUp, authority: Authority, tmp_path: Path
) -> None:
    set_up(*KINDS)
    one = certificate(authority, tmp_path)
    carry_out(connection, plan({}, state_of([*NEEDS, one])))
    node.write("/etc/npanel/tls/dovecot/broken.conf", "local_name {")
    with pytest.raises(ConfigurationInvalid):
        perform(connection, adapters()["mail_tls"].validate(()))
    node.exec(["rm", "/etc/npanel/tls/dovecot/broken.conf"], check=True)
    carry_out(connection, plan(state_of([one, *NEEDS]), {}), Context())
