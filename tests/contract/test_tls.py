"""Certificates on a real node: the contract, what is shown by name, and who is sent to TLS."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosting.adapters.base import NodeFacts, adapters
from hosting.adapters.tls.pem import fingerprint
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ConfigurationInvalid, ProbeFailed
from hosting.state import DocumentRoot, PhpPool, Resource, SystemUser, VirtualHost, plan, state_of
from hosting.state.tls import TlsCertificate
from tests.certificates import Authority
from tests.contract.contract import Case, SetUp, carry_out, check_contract
from tests.contract.visitor import visit
from tests.lab.nodes import Node
from tests.pem import certificate

pytestmark = pytest.mark.lab
KINDS = ("system_user", "document_root", "php_fpm", "tls", "nginx")
OWNER, NAME = "tilda", "tilda.test"
HOME = f"/home/{OWNER}"
PUBLIC = f"{HOME}/sites/{NAME}/public"
NEEDS: tuple[Resource, ...] = (
    SystemUser(OWNER, HOME),
    DocumentRoot(OWNER, f"sites/{NAME}/public"),
    PhpPool(OWNER, "8.2", HOME),
)


def host(**values: object) -> VirtualHost:
    return VirtualHost(OWNER, NAME, PUBLIC, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def facts(connection: Connection, set_up: SetUp) -> Iterator[NodeFacts]:
    facts = set_up(*KINDS)
    carry_out(connection, plan({}, state_of(NEEDS)))
    yield facts
    carry_out(connection, plan(state_of(NEEDS), {}), Context())


def change(connection: Connection, before: tuple[Resource, ...], after: tuple[Resource, ...]) -> None:
    carry_out(connection, plan(state_of(before), state_of(after)))


def shown(node: Node, name: str, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> tuple[str, str | None]:
    """SHA-256 of the certificate that is shown by name, and the protocol that was agreed on."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version, context.maximum_version = minimum, ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((node.address, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return hashlib.sha256(
            secured.getpeercert(binary_form=True) or b""
        ).hexdigest(), secured.selected_alpn_protocol()


def test_it_keeps_the_contract(
    node: Node, connection: Connection, set_up: SetUp, authority: Authority, tmp_path: Path
) -> None:
    first, second = (certificate(authority, tmp_path / number, OWNER, NAME) for number in ("1", "2"))
    check_contract(
        Case(
            adapters()["tls"],
            connection,
            node,
            set_up(*KINDS),
            desired=(first,),
            updated=(second,),
            needs=NEEDS,
        )
    )


def test_a_site_is_served_by_name_and_a_new_certificate_takes_its_place(
    node: Node, connection: Connection, facts: NodeFacts, authority: Authority, tmp_path: Path
) -> None:
    first, second = (certificate(authority, tmp_path / number, OWNER, NAME) for number in ("1", "2"))
    secure = host(https=True, redirect=True, hsts=True)
    change(connection, (), (first, secure))
    assert shown(node, NAME) == (fingerprint(first.chain), "h2")
    assert shown(node, NAME, ssl.TLSVersion.TLSv1_3)[0] == fingerprint(first.chain)
    sent = visit(node, NAME, "/some/page?a=1")
    assert (sent.status, sent.headers["Location"]) == (301, f"https://{NAME}/some/page?a=1")
    assert visit(node, NAME, "/.well-known/acme-challenge/x").status == 404
    with pytest.raises(OSError, match=r"(?i)unrecognized|handshake|alert"):
        shown(node, "somebody-else.test")
    change(connection, (first, secure), (second, secure))
    assert shown(node, NAME)[0] == fingerprint(second.chain)
    assert perform(connection, adapters()["tls"].probe(second, facts)).startswith("served by name")
    with pytest.raises(ProbeFailed):
        perform(connection, adapters()["tls"].probe(first, facts))
    assert node.exec(["stat", "-c", "%a %U", f"/etc/nginx/npanel/tls/{OWNER}.{NAME}.pem"]).stdout.split() == [
        "600",
        "root",
    ]
    change(connection, (second, secure), ())
    with pytest.raises(OSError, match=r"(?i)unrecognized|handshake|alert"):
        shown(node, NAME)


def test_a_suspended_site_shows_its_page_over_tls_too(
    node: Node, connection: Connection, facts: NodeFacts, authority: Authority, tmp_path: Path
) -> None:
    one = certificate(authority, tmp_path, OWNER, NAME)
    shut = host(https=True, suspended=True)
    change(connection, (), (one, shut))
    assert shown(node, NAME)[0] == fingerprint(one.chain)
    assert visit(node, NAME).status == 503
    change(connection, (one, shut), ())


def test_a_key_of_another_certificate_is_refused_by_nginx(
    node: Node, connection: Connection, facts: NodeFacts, authority: Authority, tmp_path: Path
) -> None:
    first, second = (certificate(authority, tmp_path / number, OWNER, NAME) for number in ("1", "2"))
    mixed = TlsCertificate(OWNER, NAME, first.chain, second.key_pem)
    with pytest.raises(ConfigurationInvalid, match="key"):
        change(connection, (), (mixed, host(https=True)))
    change(connection, (mixed, host(https=True)), ())
