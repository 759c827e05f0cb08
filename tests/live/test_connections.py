"""SSH to a real node: what works, and an honest error for everything that does not."""

import contextlib
import io
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator

import paramiko
import pytest

from hosting.connections.base import Context, Read, Reply, Request, Run, Stat, Write
from hosting.connections.ssh import SSHConnection, scan_host_key
from hosting.errors import (
    AgentUnavailable,
    AuthenticationRefused,
    CommandFailed,
    ConnectionFailed,
    ConnectionRefused,
    ConnectionTimedOut,
    HostingError,
    HostKeyChanged,
    OutcomeUnknown,
    UnknownHostKey,
)
from tests.lab.nodes import Node
from tests.lab.proxy import Proxy

pytestmark = pytest.mark.lab
Connect = Callable[..., SSHConnection]


@pytest.fixture
def connect(lab_node: Node) -> Iterator[Connect]:
    """Make connections to the node; keyword arguments replace what is right."""
    made: list[SSHConnection] = []

    def make(**other: object) -> SSHConnection:
        right: dict[str, object] = {
            "host": lab_node.address,
            "private_key": lab_node.key_path.read_text(),
            "host_key": lab_node.host_key,
        }
        made.append(SSHConnection(**{**right, **other}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def proxy(lab_node: Node) -> Iterator[Proxy]:
    with Proxy(lab_node.address, 22) as proxy:
        yield proxy


def ask(connection: SSHConnection, request: Request, **options: object) -> Reply:
    (answer,) = connection.batch([request], **options)  # type: ignore[arg-type]
    if isinstance(answer, HostingError):
        raise answer
    return answer


def until(true: Callable[[], bool]) -> None:
    """Wait for something on the node; a minute is more than it can take."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def new_key() -> paramiko.ECDSAKey:
    return paramiko.ECDSAKey.generate()


def test_the_agent_answers_as_root(connect: Connect, lab_node: Node) -> None:
    connection = connect()
    assert ask(connection, Run(("hostname",))).text.strip() == lab_node.name
    assert connection.hello["uid"] == 0
    assert ask(connection, Run(("id", "-un"), user="www-data")).text == "www-data\n"
    ask(connection, Write("/srv/a", b"\0one"))
    assert ask(connection, Read("/srv/a")).data == b"\0one"
    assert connection.round_trips == 4


def test_every_command_is_in_the_nodes_journal_with_the_trace_id(connect: Connect) -> None:
    connection, trace, secret = connect(), secrets.token_hex(16), secrets.token_hex(16)
    context = Context(trace_id=trace, operation_id="the-operation")
    requests = [Run(("cat",), stdin=secret.encode()), Write("/srv/secret", secret.encode()), Run(("false",))]
    connection.batch(requests, context=context)
    journal = ("journalctl", "--no-pager", "-t", "npanel-agent", f"NPANEL_TRACE_ID={trace}")
    until(lambda: ask(connection, Run((*journal, "-o", "cat"))).text.count("\n") == 3)
    lines = ask(connection, Run((*journal, "-o", "cat"))).text.splitlines()
    assert [line.split(" ms=")[0] for line in lines] == ["cat exit=0", "write /srv/secret exit=0", "false exit=1"]
    assert all(line.endswith(f"trace={trace}") for line in lines)
    assert "NPANEL_OPERATION_ID=the-operation" in ask(connection, Run((*journal, "-o", "verbose"))).text
    everything = ask(connection, Run(("journalctl", "--no-pager", "-o", "json"))).stdout
    assert trace.encode() in everything
    assert secret.encode() not in everything


def test_the_host_keys_can_be_asked_for(lab_node: Node, connect: Connect) -> None:
    keys = scan_host_key(lab_node.address)
    assert keys[0] == " ".join(lab_node.host_key.split()[:2])
    assert len({key.split()[0] for key in keys}) == len(keys) > 1
    for key in keys:
        assert ask(connect(host_key=key), Stat("/")).exists
    assert ask(connect(host_key="\n".join(keys)), Stat("/")).exists


def test_a_changed_host_key_is_refused(connect: Connect) -> None:
    other = new_key()
    with pytest.raises(HostKeyChanged, match="SHA256:") as caught:
        connect(host_key=f"{other.get_name()} {other.get_base64()}").batch([Stat("/")])
    assert caught.value.permanent
    assert "reinstalled" in caught.value.hint


def test_a_key_of_a_type_the_node_has_not_is_a_changed_key(connect: Connect) -> None:
    other = paramiko.ECDSAKey.generate(bits=521)
    with pytest.raises(HostKeyChanged):
        connect(host_key=f"{other.get_name()} {other.get_base64()}").batch([Stat("/")])


def test_without_a_pinned_key_nothing_is_sent(connect: Connect, proxy: Proxy) -> None:
    with pytest.raises(UnknownHostKey):
        connect(host=proxy.address, port=proxy.port, host_key="").batch([Stat("/")])
    assert proxy.passed["to_target"] == 0


def test_an_unknown_private_key_is_refused(connect: Connect) -> None:
    text = io.StringIO()
    new_key().write_private_key(text)
    with pytest.raises(AuthenticationRefused, match="refused NPanel's key for root"):
        connect(private_key=text.getvalue()).batch([Stat("/")])


def test_a_closed_port_is_refused(connect: Connect) -> None:
    with pytest.raises(ConnectionRefused, match="port 81 cannot be reached"):
        connect(port=81).batch([Stat("/")])


def test_something_else_on_the_port(connect: Connect) -> None:
    with pytest.raises(ConnectionFailed, match="does not answer as an SSH server"):
        connect(port=80).batch([Stat("/")])


def test_a_server_that_says_nothing_times_out(connect: Connect, proxy: Proxy) -> None:
    proxy.stop()
    with pytest.raises(ConnectionTimedOut):
        connect(host=proxy.address, port=proxy.port, connect_timeout=2.0).batch([Stat("/")])


def test_a_network_that_swallows_everything_times_out(connect: Connect, lab_node: Node) -> None:
    lab_node.blackhole()
    try:
        with pytest.raises(ConnectionFailed) as caught:
            connect(connect_timeout=2.0).batch([Stat("/")])
    finally:
        lab_node.unblackhole()
    assert type(caught.value) in (ConnectionTimedOut, ConnectionRefused)
    assert ask(connect(), Stat("/")).exists


def test_threads_that_wait_for_a_dead_node_share_one_failure(connect: Connect, proxy: Proxy) -> None:
    proxy.stop()
    connection = connect(host=proxy.address, port=proxy.port, connect_timeout=3.0)
    failures: list[HostingError] = []

    def work() -> None:
        try:
            connection.batch([Stat("/")])
        except HostingError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(10)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(error) for error in failures] == [ConnectionTimedOut] * 10
    assert time.monotonic() - started < 10 * 3.0, "each waited for an attempt of its own"


def test_a_connection_cut_in_the_middle_leaves_the_outcome_to_be_observed(connect: Connect, proxy: Proxy) -> None:
    connection, direct = connect(host=proxy.address, port=proxy.port), connect()
    ask(connection, Stat("/"))
    failures: list[HostingError] = []

    def work() -> None:
        try:
            connection.batch([Write("/srv/cut", b"x"), Run(("sleep", "987"), timeout=987)])
        except HostingError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: sleeps(direct) == 1)
    proxy.cut()
    thread.join()
    assert [type(error) for error in failures] == [OutcomeUnknown]
    assert ask(connection, Read("/srv/cut")).data == b"x", "the next batch opens a new connection and shows it"
    until(lambda: sleeps(direct) == 0)


def sleeps(connection: SSHConnection) -> int:
    """How many of the test's commands still run on the node."""
    reply = ask(connection, Run(("pgrep", "-cfx", "sleep 987"), ok=(0, 1)))
    return int(reply.text)


@pytest.mark.parametrize("count", [100, 5_000, 40_000, 150_000])
def test_a_connection_cut_while_sending_never_leaves_half_of_anything(
    connect: Connect, proxy: Proxy, count: int
) -> None:
    connection, content, path = connect(host=proxy.address, port=proxy.port), os.urandom(100_000), f"/srv/half{count}"
    ask(connection, Stat("/"))
    proxy.cut_after(count, "to_target")
    outcome: object = None
    try:
        outcome = ask(connection, Write(path, content))
    except OutcomeUnknown as error:
        outcome = error
    found = ask(connect(), Read(path))
    assert found.data == (content if found.exists else b"")
    if isinstance(outcome, Reply):
        assert found.exists


def test_a_silent_line_in_the_middle_counts_as_lost(connect: Connect, proxy: Proxy) -> None:
    connection = connect(host=proxy.address, port=proxy.port, silence=4.0)
    ask(connection, Stat("/"))
    proxy.stop()
    with pytest.raises(OutcomeUnknown, match="silent"):
        connection.batch([Run(("true",), timeout=600)])
    proxy.resume()
    assert ask(connection, Stat("/")).exists


def test_a_line_cut_while_idle_costs_nothing(connect: Connect, proxy: Proxy) -> None:
    connection = connect(host=proxy.address, port=proxy.port)
    for _ in range(3):
        ask(connection, Stat("/"))
        proxy.cut()
        with contextlib.suppress(OutcomeUnknown):  # sent before the loss was noticed: honest too
            assert ask(connection, Stat("/")).exists
    assert ask(connection, Stat("/")).exists


def test_a_restarted_node_is_reached_again(fresh_node: Callable[[], Node]) -> None:
    node = fresh_node()
    connection = SSHConnection(node.address, private_key=node.key_path.read_text(), host_key=node.host_key)
    ask(connection, Write("/srv/kept", b"x"))
    node.power_cut()
    with pytest.raises((ConnectionFailed, OutcomeUnknown)):
        connection.batch([Stat("/")])
    node.up()
    assert ask(connection, Read("/srv/kept")).data == b"x"
    connection.close()


def test_threads_share_one_channel(connect: Connect) -> None:
    connection, wrong = connect(), []

    def work(thread: int) -> None:
        for number in range(50):
            text = f"{thread}-{number}".encode()
            answers = connection.batch([Write(f"/srv/t{thread}", text), Read(f"/srv/t{thread}")])
            if not isinstance(answers[1], Reply) or answers[1].data != text:
                wrong.append(answers)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert connection.round_trips == 400


def test_a_forked_child_never_touches_the_parents_channel(connect: Connect) -> None:
    connection = connect()
    pid = connection.hello["pid"]
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                own = ask(connection, Stat("/")).exists and connection.hello["pid"] != pid
                connection.close()
                status = 0 if own else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert ask(connection, Stat("/")).exists
    assert connection.hello["pid"] == pid


def test_megabytes_go_through_in_both_directions(connect: Connect) -> None:
    connection, content = connect(), os.urandom(10_000_000)
    ask(connection, Write("/srv/big", content))
    assert ask(connection, Read("/srv/big", limit=20_000_000)).data == content
    noise = "import sys\nfor _ in range(48): sys.stderr.write('e' * 65536); sys.stdout.write('o' * 65536)"
    assert len(ask(connection, Run(("python3", "-c", noise))).stdout) == 48 * 65536


def test_a_login_shell_that_talks_does_not_matter(connect: Connect, lab_node: Node) -> None:
    before = lab_node.exec(["cat", "/root/.bashrc"], check=False).stdout
    lab_node.write("/root/.bashrc", "echo Welcome to this server\nprintf '\\0\\1\\2'\n")
    try:
        assert ask(connect(), Stat("/")).exists
    finally:
        lab_node.write("/root/.bashrc", before)


@pytest.fixture
def deployer(request: pytest.FixtureRequest, lab_node: Node) -> Iterator[str]:
    """A user that may sign in with NPanel's key and is not root, unless ``useradd`` options as parameter say so."""
    options = getattr(request, "param", ())
    lab_node.exec(["useradd", *options, "--create-home", "--shell", "/bin/bash", "deployer"], check=True)
    for argv in (
        ["mkdir", "/home/deployer/.ssh"],
        ["cp", "/root/.ssh/authorized_keys", "/home/deployer/.ssh/authorized_keys"],
        ["chown", "-R", "deployer:", "/home/deployer/.ssh"],
        ["chmod", "700", "/home/deployer/.ssh"],
    ):
        lab_node.exec(argv, check=True)
    yield "deployer"
    lab_node.exec(["rm", "-f", "/usr/local/bin/sudo"])
    lab_node.exec(["userdel", "--force", "--remove", "deployer"], check=False)


def test_a_user_without_sudo_is_of_no_use(connect: Connect, deployer: str) -> None:
    with pytest.raises(AgentUnavailable, match="sudo") as caught:
        connect(username=deployer).batch([Stat("/")])
    assert "root" in caught.value.hint


def test_a_sudo_that_makes_nobody_root_is_of_no_use(connect: Connect, deployer: str, lab_node: Node) -> None:
    lab_node.write("/usr/local/bin/sudo", SUDO, mode="755")
    with pytest.raises(AgentUnavailable, match="not root"):
        connect(username=deployer).batch([Stat("/")])


# Does what sudo does with `-n --`, except making anybody root: the base image has no sudo.
SUDO = (
    "#!/usr/bin/python3\nimport os, sys\nassert sys.argv[1:3] == ['-n', '--']\nos.execvp(sys.argv[3], sys.argv[3:])\n"
)


@pytest.mark.parametrize("deployer", [("--non-unique", "--uid", "0")], indirect=True)
def test_a_user_whose_sudo_works_is_root(connect: Connect, deployer: str, lab_node: Node) -> None:
    lab_node.write("/usr/local/bin/sudo", SUDO, mode="755")
    assert ask(connect(username=deployer), Run(("id", "-u"))).text == "0\n"


def test_an_account_that_starts_nothing_is_quoted(connect: Connect, deployer: str, lab_node: Node) -> None:
    lab_node.exec(["usermod", "--shell", "/usr/sbin/nologin", deployer])
    with pytest.raises(AgentUnavailable, match="not available"):
        connect(username=deployer).batch([Stat("/")])


def test_a_failing_command_says_what_the_node_said(connect: Connect) -> None:
    with pytest.raises(CommandFailed, match="nginx: ended with 1: nginx: invalid option"):
        ask(connect(), Run(("nginx", "--no-such-option")))
