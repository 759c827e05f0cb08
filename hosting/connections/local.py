"""The connection to this machine: the agent is a child process, spoken to over pipes."""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from typing import IO

from hosting.connections import bootstrap
from hosting.connections.channel import Pipe
from hosting.connections.connection import AgentConnection
from hosting.connections.stderr import Tail
from hosting.errors import AgentUnavailable
from hosting.texts import N_

_STALL_SECONDS = 30.0
_END_SECONDS = 2.0


class LocalConnection(AgentConnection):
    """Runs the agent here, as whoever runs this process (root on a node that manages itself).

    Args:
        python: the interpreter that runs the agent.
        margin, silence: see AgentConnection.
    """

    _needs_root = False  # a developer without root may look around

    def __init__(self, *, python: str = "", margin: float = 15.0, silence: float = 30.0) -> None:
        super().__init__(margin=margin, silence=silence)
        self._python = python or sys.executable or "/usr/bin/python3"

    def _open(self) -> Pipe:
        return _ProcessPipe(bootstrap.command(self._python))


class _ProcessPipe:
    """Streams of a child process."""

    def __init__(self, argv: list[str]) -> None:
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, cwd="/", env={}, start_new_session=True
            )
        except OSError as error:
            raise AgentUnavailable(N_("The agent could not be started here: %(error)s.", error=error)) from error
        assert self._process.stdin and self._process.stdout and self._process.stderr  # noqa: S101 (asked for as pipes)
        self._stdin, self._stdout, self._stderr = self._process.stdin, self._process.stdout, self._process.stderr
        os.set_blocking(self._stdin.fileno(), False)
        self._writing = threading.Lock()
        self._tail = Tail(lambda: _read(self._stderr, 65536))

    def read(self, size: int) -> bytes:
        return _read(self._stdout, size)

    def write(self, data: bytes) -> None:
        view, deadline = memoryview(data), time.monotonic() + _STALL_SECONDS
        with self._writing:
            while view:
                if self._stdin.closed:
                    raise BrokenPipeError("closed")
                if not select.select([], [self._stdin], [], max(0.0, deadline - time.monotonic()))[1]:
                    raise TimeoutError("the agent takes nothing in")
                view = view[os.write(self._stdin.fileno(), view) :]
                deadline = time.monotonic() + _STALL_SECONDS

    def last_words(self) -> str:
        return self._tail.text(wait=True)

    def close(self) -> None:
        """Close its input, which ends it; kill it when it does not end."""
        with self._writing, contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()
        self._process.returncode = 0  # not our child: nothing to wait for


def _read(stream: IO[bytes], size: int) -> bytes:
    """Bytes of an unbuffered stream; at its end it is closed by the one thread that reads it."""
    try:
        piece = os.read(stream.fileno(), size)
    except (OSError, ValueError):
        return b""
    if not piece:
        stream.close()
    return piece
