"""The protocol against nonsense: nothing hangs, nothing half-sent runs, every failure has a reason."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hosting.connections import bootstrap, protocol
from hosting.connections.agent import wire
from hosting.connections.base import (
    Context,
    Http,
    List,
    MakeDirectory,
    Move,
    Read,
    ReadAll,
    Remove,
    Reply,
    Request,
    Run,
    Stat,
    Symlink,
    Tcp,
    Write,
)
from hosting.errors import CommandFailed, CommandTimedOut, HostingError, NodeFileError

SECONDS = 120
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OPS = ["run", "read", "read_all", "write", "mkdir", "symlink", "remove", "move", "list", "stat", "http", "tcp"]
FIELDS = (
    "argv stdin timeout user ok path limit directory pattern data mode owner group parents exclusive target recursive "
    "source replace method url headers body host unix_socket connect address port udp read_until failpoint"
).split()
# Requests of every kind with fields of any type; the paths lead where nothing is and nothing can be made.
REQUESTS = st.builds(
    lambda op, fields: {"op": op, **fields, **dict.fromkeys(("path", "source", "directory"), "/proc/npanel-nothing/x")},
    st.sampled_from(OPS) | st.text(),
    st.dictionaries(st.sampled_from([name for name in FIELDS if name not in ("argv", "failpoint")]), JSON, max_size=6),
)


class Agent:
    """A real agent process, spoken to byte by byte."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        argv = bootstrap.command(sys.executable)
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/", env={})

    def tell(self, data: bytes) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
        """Send bytes and end: the hello, all further frames, the exit status. Fails when it hangs or says nonsense."""
        out, _ = self.process.communicate(bootstrap.program() + data, timeout=SECONDS)
        assert out.startswith(wire.MAGIC)
        frames = read_all(out[len(wire.MAGIC) :])
        return frames[0], frames[1:], self.process.returncode


def read_all(data: bytes) -> list[dict[str, Any]]:
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        piece = data[position : position + size]
        position += len(piece)
        return piece

    frames = []
    while (message := wire.read_frame(read)) is not None:
        frames.append(message)
    return frames


def frame(message: object) -> bytes:
    return wire.frame(json.dumps(message).encode())


FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_hello_tells_who_answers() -> None:
    hello, rest, status = Agent().tell(b"")
    assert hello["hello"]["version"] == wire.VERSION
    assert hello["hello"]["uid"] == os.geteuid()
    assert (rest, status) == ([], 0)


@FUZZ
@given(st.binary(max_size=200))
@example(b"\0\0\0\0")
@example(struct.pack(">I", wire.MAX_FRAME + 1) + b"{}")
@example(struct.pack(">I", 2) + b"[]")
@example(struct.pack(">I", 10_000) + b"[" * 10_000)
@example(frame({"id": "one", "requests": []}))
@example(frame({"id": True, "requests": []}))
@example(frame({"id": 1, "requests": {}}))
@example(b"\xff\xff\xff\xff")
def test_nonsense_ends_the_agent_with_a_reason(data: bytes) -> None:
    _, frames, status = Agent().tell(data)
    if data:
        assert status == 1
        assert frames[-1]["bye"]
    assert not any("Traceback" in str(message) for message in frames)


@FUZZ
@given(st.lists(REQUESTS, max_size=5), st.booleans(), st.dictionaries(st.text(), JSON, max_size=3))
def test_every_request_of_any_shape_gets_one_answer(requests: list[Any], stop: bool, context: dict[str, Any]) -> None:
    batch = frame({"id": 7, "requests": requests, "stop_on_error": stop, "context": context})
    _, frames, status = Agent().tell(batch + frame({"ping": 1}))
    assert status == 0
    answers = [message for message in frames if message.get("id") == 7]
    assert {"pong": 1} in frames
    # The agent may end before it has answered, since its input has ended; what it answers is whole.
    for message in answers:
        assert len(message["replies"]) == len(requests)
        for answer in message["replies"]:
            assert "error" not in answer or answer["error"]["code"] != "agent_fault", answer


def test_half_a_frame_runs_nothing(tmp_path: Any) -> None:
    whole = frame({"id": 1, "requests": [protocol.encode_request(Write(f"{tmp_path}/a", b"x"))]})
    for cut in (1, 3, 4, 5, len(whole) // 2, len(whole) - 1):
        _, frames, status = Agent().tell(whole[:cut])
        assert status == 1
        assert "ended" in frames[-1]["bye"]
        assert os.listdir(tmp_path) == []


def test_frames_before_the_nonsense_are_answered(tmp_path: Any) -> None:
    _, frames, _ = Agent().tell(frame({"ping": 41}) + frame({"ping": 42}) + b"\0\0")
    assert [message.get("pong") for message in frames[:2]] == [41, 42]


EXAMPLES: list[Request] = [
    Run(("a", "b"), stdin=b"\0\xff", timeout=3.5, user="www-data", ok=(0, 3)),
    Read("/a", user="x"),
    ReadAll("/a", "*.conf"),
    Write("/a", b"\xff", mode=0o600, owner="a", group="b", parents=True, exclusive=True),
    MakeDirectory("/a"),
    Symlink("/a", "b"),
    Remove("/a", recursive=True),
    Move("/a", "/b", replace=True),
    List("/a"),
    Stat("/a"),
    Http("PUT", "http://127.0.0.1/", headers=(("A", "b"),), body=b"\xff", host="h", connect="127.0.0.1"),
    Tcp("127.0.0.1", 25, data=b"\xff", read_until=b"\n"),
]


@pytest.mark.parametrize("request_", EXAMPLES, ids=lambda request: request.op)
def test_every_kind_of_request_is_known_to_the_agent(request_: Request) -> None:
    from hosting.connections.agent.operations import FILES, NETWORK

    assert request_.op in {"run", *FILES, *NETWORK}
    encoded = json.loads(json.dumps(protocol.encode_request(request_)))
    assert encoded["op"] == request_.op


@given(JSON, st.sampled_from(EXAMPLES))
def test_an_answer_is_understood_or_refused(answer: Any, request: Request) -> None:
    try:
        decoded = protocol.decode_reply(answer, request)
    except protocol.ProtocolError:
        return
    assert isinstance(decoded, Reply | HostingError)


REPLY_FIELDS = [name for name in Reply.__dataclass_fields__ if name != "text"]


@given(st.dictionaries(st.sampled_from(REPLY_FIELDS), JSON), st.sampled_from(EXAMPLES))
def test_an_answer_with_wrong_types_is_refused(answer: Any, request: Request) -> None:
    test_an_answer_is_understood_or_refused.hypothesis.inner_test(answer, request)  # type: ignore[attr-defined]


@given(
    st.fixed_dictionaries(
        {}, optional={"code": JSON, "message": JSON, "exit_status": JSON, "stderr": JSON, "stdout": JSON}
    ),
    st.sampled_from(EXAMPLES),
)
def test_an_error_of_any_shape_is_understood_or_refused(error: Any, request: Request) -> None:
    test_an_answer_is_understood_or_refused.hypothesis.inner_test({"error": error}, request)  # type: ignore[attr-defined]


def error(code: str, request: Request, **facts: object) -> HostingError:
    decoded = protocol.decode_reply({"error": {"code": code, "message": "what", **facts}}, request)
    assert isinstance(decoded, HostingError)
    return decoded


def test_errors_have_the_types_the_contract_names() -> None:
    run, write, http = Run(("prog", "x")), Write("/a", b""), Http("GET", "http://127.0.0.1/")
    failed = error("command_failed", run, exit_status=2, stderr=wire.to_text(b"first\nsecond\n"))
    assert isinstance(failed, CommandFailed)
    assert (failed.argv, failed.exit_status) == (("prog", "x"), 2)
    assert failed.detail == "prog: what: first\nsecond"
    assert isinstance(error("command_timed_out", run, exit_status=-9), CommandTimedOut)
    assert isinstance(error("no_space", write), NodeFileError)
    assert error("not_run", write).code == "not_run"
    assert error("not_run", run).code == "not_run"
    assert error("http_failed", http).code == "node_http_failed"
    assert not error("http_failed", http).permanent


def test_control_characters_from_a_node_reach_no_terminal() -> None:
    said = error("command_failed", Run(("p",)), exit_status=1, stderr=wire.to_text(b"\x1b]0;x\x07\x00 ok \r\n" * 200))
    assert all(char == "\n" or char.isprintable() for char in said.detail)
    assert len(said.detail) <= protocol.MESSAGE_MAX


def test_the_number_of_answers_must_fit() -> None:
    for replies in (None, [], [{}, {}], {}):
        with pytest.raises(protocol.ProtocolError):
            protocol.decode_replies({"replies": replies}, [Stat("/")])


def test_a_batch_may_take_what_its_requests_may() -> None:
    one = protocol.allowed_seconds([Run(("x",), timeout=60)])
    assert 60 < one < 70
    both = protocol.allowed_seconds([Run(("x",), timeout=60), Write("/a", b"")])
    assert one < both < one + 10


def test_a_batch_carries_its_context() -> None:
    context = Context(trace_id="t" * 32, operation_id="o", removed_id="r")
    (message,) = read_all(protocol.encode_batch(3, [Stat("/")], context, stop_on_error=True, failpoint="agent.x"))
    assert message["id"] == 3
    assert message["context"] == {"trace_id": "t" * 32, "operation_id": "o", "removed_id": "r"}
    assert (message["stop_on_error"], message["failpoint"]) == (True, "agent.x")
    assert message["requests"] == [{"op": "stat", "path": "/"}]


@given(st.binary())
def test_bytes_survive_the_wire(data: bytes) -> None:
    assert wire.to_bytes(wire.to_text(data)) == data
    reply = protocol.decode_reply({"stdout": wire.to_text(data)}, Run(("x",)))
    assert isinstance(reply, Reply)
    assert replace(reply, stdout=b"") == Reply()
    assert reply.stdout == data
