"""OpenSSH on a real node: who gets in, to what, and who does not. Customers and strangers sign in with paramiko."""

import io
import itertools
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import paramiko
import pytest

from hosting.adapters.base import NodeFacts, adapters
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ConfigurationInvalid
from hosting.state import Change, NodeFile, SshAccess, SystemUser
from hosting.state.ssh import NONE, SFTP, SHELL, ssh_key
from tests.contract.contract import Case, SetUp, check_contract
from tests.lab.nodes import Node
from tests.ssh_keys import Pair, ecdsa_pair, ed25519_pair, rsa_pair

pytestmark = pytest.mark.lab

LAPTOP, DESK, STRANGER = ed25519_pair("Kim's laptop"), rsa_pair(), ed25519_pair("mallory")
USER, NEIGHBOUR = SystemUser("sshuser", "/home/sshuser", "/bin/bash"), SystemUser("sshother", "/home/sshother")
ACCESS = SshAccess("sshuser", SFTP, tuple(sorted(ssh_key(pair.public) for pair in (LAPTOP, DESK))))
DROP_IN = "/etc/ssh/sshd_config.d/npanel.conf"
_KEY_TYPES = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}
#: What paramiko raises when the other side does not do as asked.
REFUSALS = (OSError, EOFError, paramiko.SSHException)


def key_of(pair: Pair) -> paramiko.PKey:
    """The private half as paramiko has it."""
    kind = _KEY_TYPES.get(pair.public.split()[0], paramiko.ECDSAKey)
    return kind.from_private_key(io.StringIO(pair.private))


@contextmanager
def signed_in(node: Node, pair: Pair | None, user: str = "sshuser", password: str = "") -> Iterator[paramiko.Transport]:
    """A session of somebody's.

    Raises:
        paramiko.SSHException: sshd refuses.
    """
    transport = paramiko.Transport(socket.create_connection((node.address, 22), timeout=20))
    try:
        transport.start_client(timeout=20)
        if pair is not None:
            transport.auth_publickey(user, key_of(pair))
        else:
            transport.auth_password(user, password, fallback=False)
        yield transport
    finally:
        transport.close()


def refused(node: Node, pair: Pair | None = LAPTOP, user: str = "sshuser", password: str = "") -> bool:
    """Whether sshd lets nobody in with that."""
    try:
        with signed_in(node, pair, user, password):
            return False
    except paramiko.SSHException:
        return True


def said(node: Node, command: str, pair: Pair = LAPTOP, *, tty: bool = False) -> str:
    """What a command says; nothing where commands are refused."""
    with signed_in(node, pair) as transport:
        channel = transport.open_session(timeout=20)
        channel.settimeout(20)
        try:
            if tty:
                channel.get_pty()
            channel.exec_command(command)
            channel.shutdown_write()
            return channel.makefile("rb").read().decode()
        except REFUSALS:
            return ""


@contextmanager
def files(node: Node, pair: Pair = LAPTOP) -> Iterator[paramiko.SFTPClient]:
    """SFTP of the customer's."""
    with signed_in(node, pair) as transport:
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        client.get_channel().settimeout(20)  # type: ignore[union-attr]
        yield client


def roots_name(node: Node) -> str:
    """What somebody sees who signs in as the panel does."""
    return subprocess.run(node.ssh(["id", "-un"]), capture_output=True, text=True, timeout=30, check=False).stdout


@pytest.fixture(scope="module")
def facts(set_up: SetUp) -> NodeFacts:
    """The node, set up."""
    return set_up("system_user", "openssh")


@pytest.fixture
def case(node: Node, connection: Connection, facts: NodeFacts) -> Iterator[Case]:
    """A customer with two keys and a neighbour; gone afterwards."""
    case = Case(adapters()["openssh"], connection, node, facts, (ACCESS,), ())
    case.become((), (USER, NEIGHBOUR, ACCESS))
    node.exec(["runuser", "-u", "sshother", "--", "tee", "/home/sshother/secret"], input="theirs", check=True)
    yield case
    case.become((*case.observe().values(), USER, NEIGHBOUR), (), Context())


def test_it_keeps_the_contract(node: Node, connection: Connection, facts: NodeFacts) -> None:
    changed = replace(ACCESS, mode=SHELL, keys=ACCESS.keys[:1], locked=True)
    check_contract(Case(adapters()["openssh"], connection, node, facts, (ACCESS,), (changed,), (USER,)))


def test_files_go_in_and_nothing_else_is_there(node: Node, case: Case) -> None:
    for pair in (LAPTOP, DESK):
        with files(node, pair) as client:
            assert client.normalize(".") == "/sshuser"
            assert {"sites", "logs", "tmp"} <= set(client.listdir("."))
            with client.open("sites/new.txt", "w") as file:
                file.write("mine")
            for path in ("/", "/..", "..", "/sshother", "/etc", "/root", "/.npanel-removed", "/home"):
                with pytest.raises(OSError):
                    client.listdir(path)
            for path in ("/sshother/secret", "/../etc/passwd", "/etc/passwd", "/proc/self/environ"):
                with pytest.raises(OSError):
                    client.open(path).read()
            for path in ("/new", "/sshother/new"):
                with pytest.raises(OSError):
                    client.open(path, "w")
            client.symlink("/etc/passwd", "sites/passwd")
            with pytest.raises(OSError):
                client.open("sites/passwd").read()
            client.remove("sites/passwd")
            with pytest.raises(OSError):
                client.rename("/sshuser", "/mine")
    facts = node.exec(["stat", "-c", "%a %U %s", "/home/sshuser/sites/new.txt"], check=True).stdout
    assert facts == "644 sshuser 4\n"
    assert perform(case.connection, case.adapter.probe(ACCESS, case.facts)) == "files in its home"


def test_no_command_no_terminal_and_no_way_through(node: Node, case: Case) -> None:
    assert "uid=" not in said(node, "id") and "uid=" not in said(node, "id", tty=True)
    with signed_in(node, LAPTOP) as transport:
        with pytest.raises(paramiko.SSHException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1), timeout=20)
        with pytest.raises(paramiko.SSHException):
            transport.request_port_forward("127.0.0.1", 0)
    with signed_in(node, LAPTOP) as transport, pytest.raises(paramiko.SSHException):
        transport.open_session(timeout=20).get_pty()


def test_only_keys_open_and_only_ours(node: Node, case: Case) -> None:
    node.exec(["chpasswd"], input="sshuser:correct horse battery\n", check=True)
    assert refused(node, None, password="correct horse battery") and refused(node, None, password="")
    planted = "/home/sshuser/.ssh/authorized_keys"
    node.exec(["runuser", "-u", "sshuser", "--", "mkdir", "-m", "700", "/home/sshuser/.ssh"], check=True)
    node.exec(["runuser", "-u", "sshuser", "--", "tee", planted], input=f"{STRANGER.public}\n", check=True)
    assert refused(node, STRANGER), "a key that a broken site planted in the home"
    assert refused(node, ecdsa_pair()) and refused(node, LAPTOP, "root") and refused(node, LAPTOP, "sshother")
    assert not refused(node)


def test_a_removed_key_ends_its_session_and_signs_in_no_more(node: Node, case: Case) -> None:
    fewer = replace(ACCESS, keys=tuple(key for key in ACCESS.keys if key.blob == DESK.blob))
    with files(node) as client:
        assert client.listdir(".")
        case.become((ACCESS,), (fewer,))
        with pytest.raises(REFUSALS):
            client.listdir(".")
    assert refused(node) and not refused(node, DESK)


@pytest.mark.parametrize("shut", [replace(ACCESS, locked=True), replace(ACCESS, mode=NONE)], ids=["locked", "none"])
def test_what_is_shut_opens_again_exactly(node: Node, case: Case, shut: SshAccess) -> None:
    before = case.inside()
    with files(node) as client:
        case.become((ACCESS,), (shut,))
        with pytest.raises(REFUSALS):
            client.listdir(".")
    assert refused(node) and refused(node, DESK)
    assert set(case.observe().values()) == {shut}
    case.become((shut,), (ACCESS,))
    assert case.inside() == before and not refused(node)


def test_a_shell_runs_commands_and_is_no_way_through(node: Node, case: Case) -> None:
    with_shell = replace(ACCESS, mode=SHELL)
    case.become((ACCESS,), (with_shell,))
    assert said(node, "id -un; pwd") == "sshuser\n/home/sshuser\n"
    assert "sshuser" in said(node, "tty >/dev/null && id -un", tty=True)
    for path in ("/home", "/home/sshother", "/etc/npanel/ssh/keys", "/root"):
        assert "denied" in said(node, f"ls {path} 2>&1"), path
    with signed_in(node, LAPTOP) as transport, pytest.raises(paramiko.SSHException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1), timeout=20)
    assert perform(case.connection, case.adapter.probe(with_shell, case.facts)) == "a shell"
    case.become((with_shell,), (ACCESS,))
    assert "uid=" not in said(node, "id")
    with files(node) as client:
        assert client.normalize(".") == "/sshuser"


def test_another_customers_keys_are_not_read(node: Node, case: Case) -> None:
    path = "/etc/npanel/ssh/keys/sshuser"
    assert node.exec(["runuser", "-u", "sshother", "--", "cat", path]).returncode != 0
    assert node.exec(["runuser", "-u", "sshuser", "--", "cat", path]).returncode == 0
    assert node.exec(["runuser", "-u", "sshuser", "--", "tee", "-a", path], input="x").returncode != 0


def test_nothing_is_reloaded_and_root_stays_in(node: Node, case: Case) -> None:
    show = ["systemctl", "show", "ssh", "--property=MainPID,ActiveEnterTimestampMonotonic,NRestarts"]
    logged = ["journalctl", "-u", "ssh", "--grep=SIGHUP", "-q", "-o", "cat"]
    before = node.exec(show).stdout, node.exec(logged).stdout
    steps = (ACCESS, replace(ACCESS, mode=SHELL), replace(ACCESS, locked=True), ACCESS)
    for first, second in itertools.pairwise(steps):
        case.become((first,), (second,))
    assert before == (node.exec(show).stdout, node.exec(logged).stdout), "reloads = 0"
    assert roots_name(node) == "root\n"


def test_a_broken_drop_in_is_refused_before_sshd_reads_it(node: Node, connection: Connection, facts: NodeFacts) -> None:
    good = next(one for one in adapters()["openssh"].setup(facts) if getattr(one, "path", "") == DROP_IN)
    assert isinstance(good, NodeFile)
    broken = replace(good, content=f"{good.content}Frobnicate yes\n")
    node.write(DROP_IN, broken.content)
    try:
        with pytest.raises(ConfigurationInvalid):
            perform(connection, adapters()["openssh"].validate([Change(good.kind, good.key, good, broken)]))
    finally:
        node.write(DROP_IN, good.content)
    assert roots_name(node) == "root\n"


def test_a_node_knows_its_own_fingerprints(node: Node, facts: NodeFacts) -> None:
    found = facts.discovered["openssh"]
    listed = node.exec(["ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub"], check=True).stdout
    assert found["port"] == 22 and f"ssh-ed25519 {listed.split()[1]}" in found["fingerprints"]
