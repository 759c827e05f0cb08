"""What the agent did is told to the node's journal with the trace id, and secrets are not."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting.connections import bootstrap, protocol
from hosting.connections.agent import wire
from hosting.connections.agent.commands import Groups
from hosting.connections.agent.journal import Journal
from hosting.connections.agent.operations import Performer
from hosting.connections.base import Http, MakeDirectory, Move, Read, Remove, Request, Run, Stat, Symlink, Tcp, Write

TRACE, OPERATION = "0123456789abcdef" * 2, "0199aaaa-0000-7000-8000-000000000000"


class Listener:
    """A datagram socket in the place of journald's or syslog's."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.wire.bind(self.path)
        self.wire.setblocking(False)

    def heard(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.wire.recv(1 << 20))
            except BlockingIOError:
                return found


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "journald")
    yield listener
    listener.wire.close()


@pytest.fixture
def syslog(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "syslog")
    yield listener
    listener.wire.close()


def entries(datagrams: list[bytes]) -> list[dict[str, str]]:
    """Read journald's native protocol as its specification says."""
    found = []
    for datagram in datagrams:
        fields: dict[str, str] = {}
        while datagram:
            line, _, datagram = datagram.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                (size,) = struct.unpack("<Q", datagram[:8])
                value, datagram = datagram[8 : 8 + size], datagram[9 + size :]
            fields[name.decode()] = value.decode("utf-8", "surrogateescape")
        found.append(fields)
    return found


def perform(journal: Journal, *requests: Request) -> list[dict[str, Any]]:
    """Perform requests as the agent does, in this process."""
    groups = Groups(lambda _group: None, lambda _group: None)
    context = {"trace_id": TRACE, "operation_id": OPERATION}
    performer = Performer(None, groups, journal, context)  # type: ignore[arg-type]
    return [performer.perform(json.loads(wire.encode(protocol.encode_request(request)))) for request in requests]


def test_a_command_is_recorded_with_its_ids(journald: Listener) -> None:
    perform(Journal(journald.path), Run(("echo", "a b", "new\nline", "ü")))
    (entry,) = entries(journald.heard())
    assert entry["MESSAGE"].startswith("echo 'a b' 'new\nline' 'ü' exit=0 ms=")
    assert entry["MESSAGE"].endswith(f"trace={TRACE}")
    assert entry["SYSLOG_IDENTIFIER"] == "npanel-agent"
    assert (entry["NPANEL_TRACE_ID"], entry["NPANEL_OPERATION_ID"]) == (TRACE, OPERATION)
    assert (entry["NPANEL_EXIT"], entry["PRIORITY"]) == ("0", "6")
    assert entry["NPANEL_ARGV"] == "echo 'a b' 'new\nline' 'ü'"
    assert entry["NPANEL_DURATION_MS"].isdigit()


def test_a_failed_command_is_a_warning(journald: Listener) -> None:
    perform(Journal(journald.path), Run(("false",)), Run(("no-such-program",)))
    assert [(e["NPANEL_EXIT"], e["PRIORITY"]) for e in entries(journald.heard())] == [("1", "4"), ("127", "4")]


def test_changes_of_files_are_recorded_and_reads_are_not(journald: Listener, tmp_path: Path) -> None:
    path, me = f"{tmp_path}/a", {"owner": str(os.geteuid()), "group": str(os.getegid())}
    write = Write(path, b"x", **me)
    looks = [Read(path), Stat(path), Write(path, b"x", **me), Remove(f"{tmp_path}/none"), Tcp("127.0.0.1", 1)]
    perform(Journal(journald.path), write, *looks, MakeDirectory(f"{tmp_path}/d", **me))
    perform(Journal(journald.path), Move(path, f"{tmp_path}/b"), Remove(f"{tmp_path}/b"), Write("/proc/x", b""))
    told = [(entry["NPANEL_ARGV"], entry["NPANEL_EXIT"]) for entry in entries(journald.heard())]
    assert told == [
        (f"write {path}", "0"),
        (f"mkdir {tmp_path}/d", "0"),
        (f"move {path} {tmp_path}/b", "0"),
        (f"remove {tmp_path}/b", "0"),
        ("write /proc/x", "1"),
    ]


def test_changes_over_http_are_recorded_without_query(journald: Listener) -> None:
    perform(Journal(journald.path), Http("GET", "http://127.0.0.1:1/x"), Http("PUT", "http://127.0.0.1:1/x?k=planted"))
    assert [entry["NPANEL_ARGV"] for entry in entries(journald.heard())] == ["HTTP PUT http://127.0.0.1:1/x"]


def test_secrets_are_never_recorded(journald: Listener, syslog: Listener, tmp_path: Path) -> None:
    secret = "planted-secret"
    requests = (
        Run(("cat",), stdin=secret.encode()),
        Write(f"{tmp_path}/a", secret.encode()),
        Http("POST", f"http://127.0.0.1:1/?{secret}", headers=(("X-API-Key", secret),), body=secret.encode()),
        Tcp("127.0.0.1", 1, data=secret.encode()),
        Symlink(f"{tmp_path}/l", "x"),
    )
    perform(Journal(journald.path), *requests)
    perform(Journal("/nonexistent", syslog.path), *requests)
    told = journald.heard() + syslog.heard()
    assert told
    assert not any(secret.encode() in datagram for datagram in told)


def test_without_journald_syslog_gets_one_line(syslog: Listener) -> None:
    perform(Journal("/nonexistent", syslog.path), Run(("echo", "a\nb")))
    (line,) = syslog.heard()
    assert line.startswith(b"<30>npanel-agent: echo 'a b' exit=0 ms=")
    assert b"\n" not in line
    assert line.endswith(f"trace={TRACE}".encode())


def test_a_very_long_command_line_is_cut(journald: Listener) -> None:
    perform(Journal(journald.path), Run(("true", *["x" * 1000] * 300)))
    (entry,) = entries(journald.heard())
    assert len(entry["NPANEL_ARGV"]) == 4096


def test_without_any_journal_standard_error_is_drained_however_much_it_is(tmp_path: Path) -> None:
    """More than 2 MB on the agent's standard error, which paramiko's window would not take unread."""
    from hosting.connections.local import LocalConnection

    connection = LocalConnection()
    connection._python = str(make_noisy_python(tmp_path))
    try:
        answers = connection.batch([Run(("true",))])
        assert not isinstance(answers[0], Exception)
    finally:
        connection.close()


def make_noisy_python(folder: Path) -> Path:
    """An interpreter that says 3 MB on standard error before it becomes the real one."""
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.write(2, b'x' * 100)\n"
        "for _ in range(48): os.write(2, b'noise' * 13107)\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])\n"
    )
    path.chmod(0o755)
    return path


def test_the_agent_without_sockets_tells_standard_error() -> None:
    if os.path.exists("/run/systemd/journal/socket") or os.path.exists("/dev/log"):
        pytest.skip("this machine has a journal, which is told instead")
    batch = protocol.encode_batch(1, [Run(("true",))], protocol.Context(trace_id=TRACE))
    pipe = subprocess.PIPE
    agent = subprocess.Popen(bootstrap.command(sys.executable), stdin=pipe, stdout=pipe, stderr=pipe, env={})
    assert agent.stdin and agent.stdout and agent.stderr
    agent.stdin.write(bootstrap.program() + batch)
    agent.stdin.flush()
    line = b""
    reader = threading.Thread(target=agent.stdout.read)
    reader.start()
    line = agent.stderr.readline()
    agent.stdin.close()
    reader.join()
    agent.wait()
    agent.stdout.close()
    agent.stderr.close()
    assert line.startswith(b"true exit=0")
    assert line.rstrip().endswith(TRACE.encode())
