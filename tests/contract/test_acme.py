"""Proofs for certificate authorities on a real node: the contract, and that a site shows its own ones to anybody."""

import pytest

from hosting.adapters.base import adapters
from hosting.connections.base import Connection, perform
from hosting.errors import ProbeFailed
from hosting.state import ChallengeFile, DocumentRoot, PhpPool, Resource, SystemUser, VirtualHost, plan, state_of
from tests.certificates import Authority
from tests.contract.contract import Case, SetUp, carry_out, check_contract
from tests.contract.visitor import visit
from tests.lab.nodes import Node
from tests.pem import certificate

pytestmark = pytest.mark.lab
KINDS = ("system_user", "document_root", "php_fpm", "tls", "nginx", "acme")
OWNER, NAME, OTHER = "proofa", "proofa.test", "proofb.test"
HOME = f"/home/{OWNER}"
TOKEN = "tok_EN-1"
PATH = "/.well-known/acme-challenge/"


def proof(answer: str = f"{TOKEN}.digest_-1", site: str = NAME) -> ChallengeFile:
    return ChallengeFile(OWNER, site, TOKEN, answer)


def site(name: str, **values: object) -> tuple[Resource, ...]:
    root = f"sites/{name}/public"
    return DocumentRoot(OWNER, root), VirtualHost(OWNER, name, f"{HOME}/{root}", (f"www.{name}",), **values)  # type: ignore[arg-type]


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    check_contract(
        Case(
            adapters()["acme"],
            connection,
            node,
            set_up(*KINDS),
            desired=(proof(), proof(site=OTHER)),
            updated=(proof(f"{TOKEN}.digest_-2"), proof(site=OTHER)),
            needs=(SystemUser(OWNER, HOME),),
        )
    )


def test_a_site_shows_its_own_proofs_also_suspended_and_sent_to_tls(
    node: Node, connection: Connection, set_up: SetUp, tmp_path: object
) -> None:
    facts = set_up(*KINDS)
    one = certificate(Authority(), tmp_path, OWNER, NAME)  # type: ignore[arg-type]
    base = (SystemUser(OWNER, HOME), PhpPool(OWNER, "8.2", HOME))
    first = (*base, *site(NAME, https=True, redirect=True, hsts=True), one, *site(OTHER, suspended=True))
    carry_out(connection, plan({}, state_of(first)))
    asked = adapters()["acme"]
    with pytest.raises(ProbeFailed):
        perform(connection, asked.probe(proof(), facts))
    served = (*first, proof(), proof("tok_EN-1.other", OTHER))
    carry_out(connection, plan(state_of(first), state_of(served)))
    assert perform(connection, asked.probe(proof(), facts)).startswith("shown")
    for name, answer in (
        (NAME, "tok_EN-1.digest_-1"),
        (f"www.{NAME}", "tok_EN-1.digest_-1"),
        (OTHER, "tok_EN-1.other"),
    ):
        reply = visit(node, name, f"{PATH}{TOKEN}")
        assert (reply.status, reply.text) == (200, answer)
    for path in (
        "unknown",
        f"../acme-challenge/{TOKEN}x",
        f"{TOKEN}/",
        "%2e%2e/site.conf",
        f"..%2f{OTHER}+{TOKEN}",
        "",
    ):
        assert visit(node, NAME, f"{PATH}{path}").status in (301, 400, 403, 404)
    assert visit(node, NAME, "/page").status == 301 and visit(node, OTHER, "/").status == 503
    carry_out(connection, plan(state_of(served), {}))
    assert node.exec(["ls", "/etc/nginx/npanel/challenges"], check=True).stdout == ""
