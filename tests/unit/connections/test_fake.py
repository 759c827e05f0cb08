"""The fake node's programs, services and knobs."""

import pytest

from hosting.connections.base import Context, Http, Read, Reply, Request, Run, Stat, Tcp, Write
from hosting.connections.fake import FakeConnection
from hosting.errors import CommandFailed, ConnectionRefused, HostingError, OutcomeUnknown


@pytest.fixture
def fake() -> FakeConnection:
    return FakeConnection()


def test_an_unknown_program_fails_as_on_a_node(fake: FakeConnection) -> None:
    (answer,) = fake.batch([Run(("nginx", "-t"))])
    assert isinstance(answer, CommandFailed)
    assert (answer.exit_status, answer.argv) == (127, ("nginx", "-t"))


def test_the_longest_prefix_of_a_command_answers(fake: FakeConnection) -> None:
    fake.commands[("nginx",)] = lambda _fake, _run: Reply(stdout=b"any")
    fake.commands[("nginx", "-t")] = lambda _fake, _run: Reply(stdout=b"test")
    replies = fake.batch([Run(("nginx", "-s", "reload")), Run(("nginx", "-t", "-q"))])
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == ["any", "test"]


def test_a_handler_sees_the_node_and_its_status_is_judged(fake: FakeConnection) -> None:
    def useradd(node: FakeConnection, run: Run) -> Reply:
        if run.argv[-1] in node.users:
            return Reply(exit_status=9, stderr=b"user exists")
        node.add_user(run.argv[-1])
        return Reply()

    fake.commands[("useradd",)] = useradd
    request = Run(("useradd", "alice"))
    first, second = fake.batch([request, request])
    assert isinstance(first, Reply)
    assert isinstance(second, CommandFailed)
    assert second.detail == "useradd: ended with 9: user exists"
    assert isinstance(fake.batch([Run(("useradd", "alice"), ok=(0, 9))])[0], Reply)
    assert isinstance(fake.batch([Write("/home/a", b"", owner="alice", group="alice")])[0], Reply)


def test_a_handler_may_raise_what_a_node_answers(fake: FakeConnection) -> None:
    def broken(_fake: FakeConnection, _run: Run) -> Reply:
        raise HostingError("no", code="test")

    fake.commands[("x",)] = broken
    (answer,) = fake.batch([Run(("x",))])
    assert isinstance(answer, HostingError)
    assert answer.code == "test"


def test_services_answer_by_url_and_port(fake: FakeConnection) -> None:
    fake.http_handlers["http://127.0.0.1:8081/"] = lambda _fake, _http: Reply(status=200, stdout=b"{}")
    fake.http_handlers["unix:/run/s"] = lambda _fake, _http: Reply(status=201)
    fake.tcp_handlers[("127.0.0.1", 25)] = lambda _fake, _tcp: Reply(stdout=b"220")
    requests: list[Request] = [
        Http("GET", "http://127.0.0.1:8081/x"),
        Http("GET", "http://localhost/", unix_socket="/run/s"),
        Tcp("127.0.0.1", 25),
        Http("GET", "http://127.0.0.1:9/?secret"),
        Tcp("127.0.0.1", 9),
    ]
    answers = fake.batch(requests)
    assert [answer.status for answer in answers[:2] if isinstance(answer, Reply)] == [200, 201]
    codes = [answer.code for answer in answers[3:] if isinstance(answer, HostingError)]
    assert codes == ["node_http_failed", "node_tcp_failed"]
    assert "secret" not in str(answers[3])


def test_everything_asked_is_remembered_with_its_context(fake: FakeConnection) -> None:
    context = Context(trace_id="t")
    fake.batch([Stat("/"), Read("/x")], context=context)
    assert fake.requests == [(context, Stat("/")), (context, Read("/x"))]
    assert fake.round_trips == 1


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_dropped_batch_ran_as_far_as_told(fake: FakeConnection, after: int) -> None:
    fake.drop_next(after=after)
    with pytest.raises(OutcomeUnknown):
        fake.batch([Write("/etc/a", b""), Write("/etc/b", b"")])
    assert [fake.exists("/etc/a"), fake.exists("/etc/b")] == [after > 0, after > 1]
    assert isinstance(fake.batch([Stat("/")])[0], Reply)


def test_a_refusing_node_runs_nothing(fake: FakeConnection) -> None:
    fake.refuse()
    with pytest.raises(ConnectionRefused):
        fake.batch([Write("/etc/a", b"")])
    fake.accept()
    assert not fake.exists("/etc/a")
    fake.batch([Write("/etc/a", b"")])
    assert fake.content("/etc/a") == b""


def test_planted_files_are_there(fake: FakeConnection) -> None:
    fake.put("/opt/x/y", b"1", mode=0o600, owner="mysql", group="mysql")
    fake.put_directory("/opt/z", mode=0o700)
    (facts,) = fake.batch([Read("/opt/x/y")])
    assert isinstance(facts, Reply)
    assert (facts.data, facts.mode, facts.owner) == (b"1", 0o600, "mysql")
    assert fake.tree.at("/opt/z").mode == 0o700
