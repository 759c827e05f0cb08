"""Exim on a real node: domains and aliases."""

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hosting.adapters.base import adapters
from hosting.connections.base import Connection, Context, perform
from hosting.state import DkimKey, MailAlias, MailDomain, Secret, SystemUser
from tests.contract.contract import Case, SetUp, check_contract
from tests.lab.nodes import Node

OWNER = SystemUser("mailuser", "/home/mailuser")


def dkim_key(selector: str) -> DkimKey:
    """A fresh key of 2048 bits."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return DkimKey(selector, Secret(pem))


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    facts = set_up("system_user", "exim", "dovecot")
    domain = MailDomain("mailuser", "one.test", dkim=(dkim_key("a"),))
    alias = MailAlias("mailuser", "one.test", "sales", ("x@elsewhere.test",))
    other = replace(domain, dkim=(domain.dkim[0], dkim_key("b")), catch_all="all@one.test", sends_per_hour=50)
    updated = (other, replace(alias, targets=("x@elsewhere.test", "y@elsewhere.test")))
    check_contract(Case(adapters()["exim"], connection, node, facts, (domain, alias), updated, needs=(OWNER,)))


def test_probes_say_what_a_stranger_is_told(node: Node, connection: Connection, set_up: SetUp) -> None:
    facts = set_up("system_user", "exim", "dovecot")
    exim = adapters()["exim"]
    domain = MailDomain("mailuser", "two.test")
    alias = MailAlias("mailuser", "two.test", "sales", ("postmaster@two.test",))
    case = Case(exim, connection, node, facts, (domain, alias), (), needs=(OWNER,))
    case.become((), (OWNER, domain, alias))
    assert perform(connection, exim.probe(domain, facts)).startswith("250")
    assert "1 address" in perform(connection, exim.probe(alias, facts))
    for changed, answer in ((replace(domain, suspended=True), "451"), (replace(domain, local=False), "550")):
        case.become((domain,), (changed,))
        assert perform(connection, exim.probe(changed, facts)).startswith(answer)
        case.become((changed,), (domain,))
    case.become((OWNER, domain, alias), (), Context())
