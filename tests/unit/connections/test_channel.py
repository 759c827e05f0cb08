"""One agent serves many threads, and every way to lose it has its own honest error."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hosting.connections.base import Context, Http, Read, Reply, Run, Stat, Tcp, Write
from hosting.connections.local import LocalConnection
from hosting.errors import AgentUnavailable, ConnectionTimedOut, HostingError, OutcomeUnknown

from .test_commands import wait_until_gone


@pytest.fixture
def connection() -> Iterator[LocalConnection]:
    """An agent of its own, since these tests kill it."""
    connection = LocalConnection()
    yield connection
    connection.close()


@pytest.fixture
def impatient() -> Iterator[LocalConnection]:
    """Counts an agent as lost after little silence."""
    connection = LocalConnection(silence=3.0)
    yield connection
    connection.close()


def agent_pid(connection: LocalConnection) -> int:
    pid = connection.hello["pid"]
    assert isinstance(pid, int)
    return pid


def test_threads_share_one_agent_and_get_their_own_answers(local: LocalConnection, place: str) -> None:
    wrong: list[str] = []
    before, pid = local.round_trips, agent_pid(local)

    def work(thread: int) -> None:
        for number in range(200):
            text = f"{thread}-{number}".encode()
            path = f"{place}/{thread}"
            answers = local.batch([Write(path, text), Read(path), Stat(f"{place}/none")])
            if not isinstance(answers[1], Reply) or answers[1].data != text:
                wrong.append(f"{thread}-{number}: {answers}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert local.round_trips - before == 8 * 200
    assert agent_pid(local) == pid


def test_a_slow_batch_holds_nobody_up(local: LocalConnection, place: str) -> None:
    os.mkfifo(f"{place}/pipe")
    said: list[Reply | HostingError] = []
    thread = threading.Thread(target=lambda: said.extend(local.batch([Run(("cat", f"{place}/pipe"))])))
    thread.start()
    assert isinstance(local.batch([Run(("true",))])[0], Reply)
    assert said == []
    Path(place, "pipe").write_text("now")
    thread.join()
    assert isinstance(said[0], Reply)
    assert said[0].text == "now"


def test_more_batches_than_the_agent_takes_at_once_wait_their_turn(local: LocalConnection) -> None:
    answers: list[Reply | HostingError] = []
    threads = [threading.Thread(target=lambda: answers.extend(local.batch([Run(("sleep", "0.2"))]))) for _ in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    assert all(isinstance(answer, Reply) for answer in answers)


def test_an_agent_killed_in_the_middle_leaves_the_outcome_unknown(connection: LocalConnection, place: str) -> None:
    pid = agent_pid(connection)
    threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(OutcomeUnknown):
        connection.batch([Write(f"{place}/done", b"x"), Run(("sleep", "600"))])
    (answer,) = connection.batch([Read(f"{place}/done")])
    assert isinstance(answer, Reply)
    assert answer.data == b"x", "the next batch opens a new agent, and shows what happened"
    assert agent_pid(connection) != pid


def test_a_dropped_batch_is_never_sent_again(connection: LocalConnection, place: str) -> None:
    program = f"import os, signal; open({place + '/runs'!r}, 'a').write('x'); os.kill(os.getppid(), signal.SIGKILL)"
    with pytest.raises(OutcomeUnknown):
        connection.batch([Run(("/usr/bin/python3", "-c", program))])
    connection.batch([Stat("/")])
    assert Path(place, "runs").read_text() == "x"


def test_a_killed_agents_commands_end_with_it(connection: LocalConnection) -> None:
    check_commands_end(connection, lambda: os.kill(agent_pid(connection), signal.SIGKILL))


def test_closing_ends_running_commands(connection: LocalConnection) -> None:
    check_commands_end(connection, connection.close)


def check_commands_end(connection: LocalConnection, end: object) -> None:
    agent = psutil.Process(agent_pid(connection))
    failures: list[HostingError] = []

    def work() -> None:
        try:
            connection.batch([Run(("sleep", "600"), timeout=600)])
        except HostingError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    sleeper = wait_for_child(agent, "sleep")
    assert callable(end)
    end()
    thread.join()
    assert [type(error) for error in failures] == [OutcomeUnknown]
    assert wait_until_gone([sleeper, agent.pid])


def wait_for_child(agent: psutil.Process, name: str) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in agent.children():
            if child.name() == name:
                return int(child.pid)
        time.sleep(0.02)
    raise AssertionError(f"{name} never ran")


def test_an_agent_lost_while_idle_costs_nothing(connection: LocalConnection) -> None:
    pid = agent_pid(connection)
    os.kill(pid, signal.SIGKILL)
    assert wait_until_gone([pid])
    assert isinstance(connection.batch([Stat("/")])[0], Reply)


def test_a_silent_agent_counts_as_lost(impatient: LocalConnection) -> None:
    os.kill(agent_pid(impatient), signal.SIGSTOP)
    with pytest.raises(OutcomeUnknown, match="silent"):
        impatient.batch([Run(("true",), timeout=600)])
    assert isinstance(impatient.batch([Stat("/")])[0], Reply)


def test_a_line_that_died_while_idle_is_noticed_before_anything_is_sent(impatient: LocalConnection, place: str) -> None:
    pid = agent_pid(impatient)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(2)  # longer than half the silence: the next batch looks first
    (answer,) = impatient.batch([Write(f"{place}/a", b"x")])
    assert isinstance(answer, Reply)
    assert agent_pid(impatient) != pid


def test_a_batch_that_takes_too_long_is_given_up() -> None:
    connection = LocalConnection(margin=0.5)
    try:
        agent = psutil.Process(agent_pid(connection))
        warden = agent.children()[0]
        warden.suspend()  # whoever acts as a user hangs: the file request below has no time limit of its own
        with pytest.raises(OutcomeUnknown, match="in time"):
            connection.batch([Stat("/", user="www-data")])
        warden.resume()
    finally:
        connection.close()


def test_a_batch_too_large_is_not_sent(local: LocalConnection, place: str) -> None:
    with pytest.raises(HostingError) as caught:
        local.batch([Write(f"{place}/a", b"x" * (80 * 1024 * 1024))])
    assert caught.value.code == "batch_too_large"
    assert not Path(place, "a").exists()


def test_answers_too_large_for_a_frame_are_errors_of_their_own(local: LocalConnection) -> None:
    answers = local.batch([Run(("head", "-c", "16000000", "/dev/zero"))] * 6)
    assert [isinstance(answer, Reply) for answer in answers] == [True] * 4 + [False] * 2


def test_a_child_process_opens_its_own_connection(connection: LocalConnection) -> None:
    pid = agent_pid(connection)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            own = isinstance(connection.batch([Stat("/")])[0], Reply) and agent_pid(connection) != pid
            connection.close()
            status = 0 if own else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert isinstance(connection.batch([Stat("/")])[0], Reply)
    assert agent_pid(connection) == pid


def test_a_fork_in_the_middle_of_the_parents_work_disturbs_nobody(connection: LocalConnection, place: str) -> None:
    pid, stop = agent_pid(connection), threading.Event()
    failed: list[Exception] = []

    def work() -> None:
        while not stop.is_set():
            try:
                connection.batch([Write(f"{place}/a", b"x" * 100_000), Write(f"{place}/a", b"y" * 100_000)])
            except HostingError as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    statuses = []
    for _ in range(10):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if isinstance(connection.batch([Stat("/")])[0], Reply) else 2
                connection.close()
            finally:
                os._exit(status)
        statuses.append(os.waitpid(child, 0)[1])
    stop.set()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 10
    assert failed == []
    assert agent_pid(connection) == pid


def test_closing_twice_and_using_it_again_is_fine(connection: LocalConnection) -> None:
    connection.batch([Stat("/")])
    connection.close()
    connection.close()
    assert isinstance(connection.batch([Stat("/")])[0], Reply)


def test_an_interpreter_that_is_not_there() -> None:
    with pytest.raises(AgentUnavailable):
        LocalConnection(python="/nonexistent/python").batch([Stat("/")])


def test_a_program_that_is_no_agent_is_quoted() -> None:
    with pytest.raises(AgentUnavailable, match=r"unrecognized option|invalid option"):
        LocalConnection(python="/bin/cat").batch([Stat("/")])


@pytest.mark.parametrize(
    ("point", "content"),
    [("agent.before_rename", b"old"), ("agent.after_rename", b"new"), ("agent.before_reply", b"new")],
)
@pytest.mark.parametrize("user", [None, "www-data"])
def test_a_drill_kills_the_agent_where_it_says(
    connection: LocalConnection,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    content: bytes,
    user: str | None,
) -> None:
    os.chown(place, 33, 33)
    path = f"{place}/{point}"
    connection.batch([Write(path, b"old", user=user)])
    monkeypatch.setenv("NPANEL_FAILPOINTS", "1")
    monkeypatch.setenv("NPANEL_FAILPOINT", f"{point}=kill@{next_hit(point)}")
    with pytest.raises(OutcomeUnknown):
        connection.batch([Write(path, b"new", user=user)])
    assert Path(path).read_bytes() == content
    connection.batch([Write(path, b"new", user=user)])
    assert os.listdir(place) == [point]
    assert Path(path).read_bytes() == b"new"


def next_hit(point: str) -> int:
    from hosting import failpoints

    return failpoints._hits.get(point, 0) + 1


def test_requests_are_repeated_nowhere_in_a_representation() -> None:
    shown = repr(
        [
            Run(("x",), stdin=b"planted"),
            Write("/a", b"planted"),
            Http("GET", "http://127.0.0.1", headers=(("X-API-Key", "planted"),), body=b"planted"),
            Tcp("127.0.0.1", 25, data=b"planted"),
            Reply(stdout=b"planted", data=b"planted", headers=(("Set-Cookie", "planted"),)),
        ]
    )
    assert "planted" not in shown


def test_a_busy_agent_is_a_timeout_and_nothing_was_sent(connection: LocalConnection, place: str) -> None:
    quick = LocalConnection(margin=0.1)
    client = quick._ready()
    for _ in range(32):
        client._room.acquire()
    try:
        with pytest.raises(ConnectionTimedOut, match="busy"):
            quick.batch([Write(f"{place}/a", b"")], context=Context())
    finally:
        quick.close()
    assert not Path(place, "a").exists()
