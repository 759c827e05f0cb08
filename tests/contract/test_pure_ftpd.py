"""Pure-FTPd on a real node: accounts, whom they let in, and where they end."""

import ftplib
from collections.abc import Iterator
from dataclasses import replace

import bcrypt
import pytest

from hosting.adapters.base import Adapter, NodeFacts, adapters
from hosting.adapters.pure_ftpd import setup
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ProbeFailed
from hosting.state import DocumentRoot, FtpAccount, Resource, Secret, SystemUser
from tests.contract.contract import Case, SetUp, check_contract
from tests.contract.ftp_client import refusal, signed_in
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
PASSWORD, OTHER = "correct horse battery", "wrong horse battery!"


def hashed(password: str) -> Secret:
    return Secret(bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode())


OWNER = SystemUser("ftpuser1", "/home/ftpuser1")
ROOT = DocumentRoot("ftpuser1", "sites/ftp.test/public")
NEIGHBOUR = SystemUser("ftpuser2", "/home/ftpuser2")
NEIGHBOURS_SITE = DocumentRoot("ftpuser2", "sites/other.test/public")
HASH = hashed(PASSWORD)
WEB = FtpAccount("ftpuser1", "ftpuser1_web", HASH, "/home/ftpuser1/sites/ftp.test/public", quota_mb=1)
ALL = FtpAccount("ftpuser1", "ftpuser1_all", HASH, "/home/ftpuser1")
NEEDS = (OWNER, ROOT, NEIGHBOUR, NEIGHBOURS_SITE)
SITE = "/home/ftpuser1/sites/ftp.test/public"


@pytest.fixture(scope="module")
def facts(set_up: SetUp) -> NodeFacts:
    return set_up("system_user", "document_root", "exim", "pure_ftpd")


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    return adapters()["pure_ftpd"]


def case(adapter: Adapter, connection: Connection, node: Node, facts: NodeFacts, *updated: Resource) -> Case:
    return Case(adapter, connection, node, facts, (WEB, ALL), updated, (OWNER, ROOT))


@pytest.fixture
def there(adapter: Adapter, connection: Connection, node: Node, facts: NodeFacts) -> Iterator[Case]:
    """Both accounts on the node, beside a neighbour."""
    made = case(adapter, connection, node, facts)
    made.become((), (*NEEDS, WEB, ALL))
    yield made
    made.become((*NEEDS, WEB, ALL), (), Context())


def restarts(node: Node) -> str:
    """What changes when the daemon is started again, or told to read anew."""
    names = ("MainPID", "NRestarts", "ActiveEnterTimestampMonotonic", "ExecMainStartTimestampMonotonic")
    asked = [f"--property={name}" for name in names]
    return str(node.exec(["systemctl", "show", setup.UNIT, *asked], check=True).stdout)


def test_it_keeps_the_contract(adapter: Adapter, connection: Connection, node: Node, facts: NodeFacts) -> None:
    changed = replace(WEB, quota_mb=0, locked=True, password_hash=hashed(OTHER))
    moved = replace(ALL, home="/home/ftpuser1/sites", quota_mb=5)
    before = restarts(node)
    check_contract(case(adapter, connection, node, facts, changed, moved))
    assert restarts(node) == before, "no change takes a restart or a reload"


def test_files_go_in_over_tls_and_nowhere_else(there: Case, node: Node) -> None:
    address = node.address
    with signed_in(address, WEB.name, PASSWORD) as client:
        client.put("page.html", b"hello")
        assert client.fetch("/page.html") == b"hello"
        assert client.pwd() == "/"
        for way in ("..", "../..", "/etc", "/home"):
            with pytest.raises(ftplib.error_perm):
                client.fetch(f"{way}/passwd")
        assert "passwd" not in " ".join(client.nlst("../../.."))
    shown = node.exec(["stat", "-c", "%U %G %a", f"{SITE}/page.html"], check=True).stdout
    assert shown == "ftpuser1 ftpuser1 644\n"
    assert refusal(address, WEB.name, PASSWORD, plain=True).startswith("421")
    assert refusal(address, WEB.name, OTHER).startswith("530")
    for nobody in ("anonymous", "ftp", "root", "ftpuser1"):
        assert refusal(address, nobody, PASSWORD).startswith("530"), nobody


def test_a_limit_is_kept(there: Case, node: Node) -> None:
    with signed_in(node.address, WEB.name, PASSWORD) as client:
        client.put("small", b"x" * 400_000)
        with pytest.raises(ftplib.error_perm, match="552"):
            client.put("large", b"x" * 900_000)
    with signed_in(node.address, ALL.name, PASSWORD) as client:
        client.put("large", b"x" * 1_500_000)


def test_a_limit_counts_what_was_there_before(there: Case, node: Node) -> None:
    node.exec(["runuser", "-u", "ftpuser1", "--", "truncate", "-s", "900K", f"{SITE}/old"], check=True)
    unlimited = replace(WEB, quota_mb=0)
    there.become((WEB,), (unlimited,))
    there.become((unlimited,), (WEB,))
    with signed_in(node.address, WEB.name, PASSWORD) as client, pytest.raises(ftplib.error_perm, match="552"):
        client.put("more", b"x" * 400_000)


def test_who_is_locked_is_out_at_once_and_comes_back(there: Case, node: Node) -> None:
    locked = replace(WEB, locked=True)
    with signed_in(node.address, WEB.name, PASSWORD) as client, signed_in(node.address, ALL.name, PASSWORD) as other:
        there.become((WEB,), (locked,))
        with pytest.raises((EOFError, OSError, ftplib.Error)):
            client.voidcmd("NOOP")
        assert other.voidcmd("NOOP").startswith("200"), "nobody else is signed out"
    assert refusal(node.address, WEB.name, PASSWORD).startswith("530")
    there.become((locked,), (WEB,))
    assert refusal(node.address, WEB.name, PASSWORD) == ""


def test_another_password_ends_what_the_old_one_began(there: Case, node: Node) -> None:
    changed = replace(WEB, password_hash=hashed(OTHER))
    with signed_in(node.address, WEB.name, PASSWORD) as client:
        there.become((WEB,), (changed,))
        with pytest.raises((EOFError, OSError, ftplib.Error)):
            client.voidcmd("NOOP")
    assert refusal(node.address, WEB.name, PASSWORD).startswith("530")
    assert refusal(node.address, WEB.name, OTHER) == ""
    there.become((changed,), (WEB,))


@pytest.mark.parametrize("target", ["/home/ftpuser2/sites/other.test/public", "/etc", "/"])
def test_a_link_in_a_folders_place_leads_nowhere(there: Case, node: Node, target: str) -> None:
    """The daemon enters the folder as root: over a link it would be inside a neighbour's home, past its 0750."""
    node.exec(["mv", SITE, f"{SITE}.old"], check=True)
    node.exec(["runuser", "-u", "ftpuser1", "--", "ln", "-s", target, SITE], check=True)
    try:
        said = refusal(node.address, WEB.name, PASSWORD)
    finally:
        node.exec(["rm", SITE], check=True)
        node.exec(["mv", f"{SITE}.old", SITE], check=True)
    assert said.startswith("421"), said
    assert refusal(node.address, WEB.name, PASSWORD) == ""


def test_a_link_among_the_files_is_not_followed(there: Case, node: Node) -> None:
    for name, target in (("in", f"{SITE}/index.html"), ("out", "/etc/passwd")):
        node.exec(["runuser", "-u", "ftpuser1", "--", "ln", "-s", target, f"{SITE}/{name}"], check=True)
    with signed_in(node.address, WEB.name, PASSWORD) as client:
        for name in ("in", "out"):
            with pytest.raises(ftplib.error_perm):
                client.fetch(name)


def test_a_broken_file_locks_nobody_else_out(there: Case, node: Node) -> None:
    broken = f"{setup.ACCOUNTS}/ftpuser1_bad"
    node.write(broken, "ftpuser1_bad:x:0:0::/./::::::::::::\nmallory:x:0:0::/./::::::::::::\n")
    locked = replace(ALL, locked=True)
    there.become((ALL,), (locked,))
    assert refusal(node.address, WEB.name, PASSWORD) == ""
    assert refusal(node.address, "mallory", "x").startswith("530")
    there.become((locked,), (ALL,))
    node.exec(["rm", broken], check=True)


def test_probes_say_what_the_daemon_would(there: Case, node: Node, adapter: Adapter, facts: NodeFacts) -> None:
    ask = there.connection
    assert perform(ask, adapter.probe(WEB, facts)) == "known"
    with pytest.raises(ProbeFailed):
        perform(ask, adapter.probe(replace(WEB, locked=True), facts))
    with pytest.raises(ProbeFailed):
        perform(ask, adapter.probe(replace(WEB, password_hash=hashed(OTHER)), facts))


def test_only_root_reads_who_there_is(there: Case, node: Node) -> None:
    for path, mode in ((setup.ACCOUNTS, "700"), (setup.DATABASE, "600"), (f"{setup.ACCOUNTS}/{WEB.name}", "600")):
        assert node.exec(["stat", "-c", "%a %U", path], check=True).stdout == f"{mode} root\n", path
