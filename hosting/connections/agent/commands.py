"""Run programs by argument list: own session, fixed environment, one deadline, both outputs read side by side."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from .fields import Fields
from .identity import User, find_user, may_become
from .wire import Refused, to_text

STDOUT_MAX = 16 * 1024 * 1024
STDERR_MAX = 1024 * 1024
# A daemon started by the command may keep its outputs open (Dovecot does); what it says later is not waited for.
LINGER = 0.5
_PIECE = 65536


class Groups:
    """The process groups that run now, so that they can be ended with the agent.

    Args:
        started, ended: told of each group, for whoever must end them when the agent itself is killed.
    """

    def __init__(self, started: Callable[[int], None], ended: Callable[[int], None]) -> None:
        self._started, self._ended = started, ended
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._closed = False

    def add(self, group: int) -> None:
        with self._lock:
            self._running.add(group)
            if self._closed:
                kill_group(group)
        self._started(group)

    def discard(self, group: int) -> None:
        with self._lock:
            self._running.discard(group)
        self._ended(group)

    def kill_all(self) -> None:
        """End every group, and every one that is added from now on."""
        with self._lock:
            self._closed = True
            for group in self._running:
                kill_group(group)


def kill_group(group: int) -> None:
    """End a process group whose leader has not been waited for, so that its number is still its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def run(fields: Fields, groups: Groups) -> dict[str, Any]:
    """Run a command to its end.

    Raises:
        Refused: ``command_failed`` (status not in ``ok``), ``command_timed_out``, ``no_user``, ``no_permission``.
    """
    argv, seconds = fields.texts("argv"), fields.seconds("timeout", 60.0)
    ok, stdin = fields.wholes("ok", [0]), fields.binary("stdin")
    command = _Command(_start(argv, find_user(fields.user)), stdin, time.monotonic() + seconds)
    groups.add(command.process.pid)
    try:
        command.talk()
    finally:
        command.close(lambda: groups.discard(command.process.pid))
    status = command.process.returncode
    said = {"stderr": to_text(bytes(command.stderr)), "stdout": to_text(bytes(command.stdout))}
    if command.timed_out:
        raise Refused("command_timed_out", f"ran longer than {seconds:g} seconds", exit_status=status, **said)
    if status not in ok:
        raise Refused("command_failed", f"ended with {status}", exit_status=status, **said)
    return {"exit_status": status, "truncated": command.truncated, **said}


def _start(argv: list[str], user: User) -> subprocess.Popen[bytes]:
    may_become(user)
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if user.uid != os.geteuid():
        options.update(user=user.uid, group=user.gid, extra_groups=user.groups)
    options.update(env=user.environment(), cwd="/", start_new_session=True, umask=0o022, bufsize=0)
    try:
        return subprocess.Popen(argv, **options)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused("command_failed", "the node has no such program", exit_status=127) from error
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Refused("command_failed", f"could not be started: {error}", exit_status=126) from error


class _Command:
    """One running command and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, deadline: float) -> None:
        self.process = process
        self.stdout, self.stderr = bytearray(), bytearray()
        self.truncated = self.timed_out = self.exited = False
        self._deadline = deadline
        self._unsent = memoryview(stdin)
        self._selector = selectors.DefaultSelector()
        self._watch(process.stdout, selectors.EVENT_READ, self._read_stdout)
        self._watch(process.stderr, selectors.EVENT_READ, self._read_stderr)
        self._watch(process.stdin, selectors.EVENT_WRITE, self._write)
        self._exit_handle = self._watch_exit()

    def _watch(self, stream: IO[bytes] | None, event: int, act: Callable[[IO[bytes]], None]) -> None:
        assert stream is not None  # noqa: S101 (all three were asked for as pipes)
        os.set_blocking(stream.fileno(), False)
        self._selector.register(stream, event, act)

    def _watch_exit(self) -> int:
        """A descriptor that is readable when the process has ended (pidfd_open(2)); -1 where there is none."""
        try:
            handle = os.pidfd_open(self.process.pid)
        except OSError:
            return -1
        self._selector.register(handle, selectors.EVENT_READ, None)
        return handle

    def talk(self) -> None:
        """Feed and read it until it has ended; kill its whole group at the deadline."""
        while (left := self._deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left if self._exit_handle >= 0 else min(left, 0.02)):
                if key.data is None:
                    self._selector.unregister(key.fileobj)
                else:
                    key.data(key.fileobj)
            if not self.exited and self._has_exited():
                self.exited = True
                self._deadline = min(self._deadline, time.monotonic() + LINGER)
            if self.exited and not self._still_speaking():
                return
        if not self.exited:
            self.timed_out = True
            kill_group(self.process.pid)

    def _has_exited(self) -> bool:
        """Whether it has ended; it is not reaped, so its number stays its own."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _still_speaking(self) -> bool:
        open_streams = {key.fileobj for key in self._selector.get_map().values()}
        return self.process.stdout in open_streams or self.process.stderr in open_streams

    def _read_stdout(self, stream: IO[bytes]) -> None:
        self._read(stream, self.stdout, STDOUT_MAX)

    def _read_stderr(self, stream: IO[bytes]) -> None:
        self._read(stream, self.stderr, STDERR_MAX)

    def _read(self, stream: IO[bytes], kept: bytearray, limit: int) -> None:
        piece = os.read(stream.fileno(), _PIECE)
        if not piece:
            self._selector.unregister(stream)
            return
        self.truncated = self.truncated or len(kept) + len(piece) > limit
        kept += piece[: max(0, limit - len(kept))]

    def _write(self, stream: IO[bytes]) -> None:
        try:
            if self._unsent:
                self._unsent = self._unsent[os.write(stream.fileno(), self._unsent[:_PIECE]) :]
        except BrokenPipeError:
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._selector.unregister(stream)
            stream.close()

    def close(self, before_reaping: Callable[[], None]) -> None:
        """Release everything; an unfinished command is killed."""
        if not self.exited:
            kill_group(self.process.pid)
        self._selector.close()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self._exit_handle >= 0:
            os.close(self._exit_handle)
        if not self.exited:
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        before_reaping()
        self.process.wait()
