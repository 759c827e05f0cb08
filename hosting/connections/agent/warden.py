"""A single-threaded companion process: makes helpers that act as a user, and ends what a killed agent left running."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from .identity import become, find_user
from .wire import MalformedFrame, Refused, encode, frame, parse, read_frame

Perform = Callable[[dict[str, Any]], dict[str, Any]]
HELPER_SECONDS = 30.0
HELPER_TREE_SECONDS = 120.0


class HelperLost(Exception):
    """A helper process ended or hung in the middle of a request."""


class Helper:
    """A process that has become one user and performs file requests; used by one thread."""

    def __init__(self, wire: socket.socket, end: Callable[[], None]) -> None:
        self._wire = wire
        self._reader = wire.makefile("rb")
        self._end = end

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let the helper perform a request.

        Raises:
            HelperLost: it was killed, or its file system did not answer in time.
        """
        self._wire.settimeout(HELPER_TREE_SECONDS if request.get("op") == "remove" else HELPER_SECONDS)
        try:
            self._wire.sendall(frame(encode(request)))
            reply = read_frame(self._reader.read)
        except (OSError, MalformedFrame) as error:
            raise HelperLost("the process that acts as the user did not answer") from error
        if reply is None:
            raise HelperLost("the process that acts as the user ended")
        return reply

    def close(self) -> None:
        """End the process."""
        self._reader.close()
        self._wire.close()
        self._end()


class Warden:
    """The agent's side of the companion. It must be made before the agent starts a thread: it forks."""

    def __init__(self, perform: Perform) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._tokens = 0
        if os.fork() == 0:
            self._control.close()
            _live(theirs, perform)
        theirs.close()

    def helper(self, user: str) -> Helper:
        """A new process that acts as ``user``.

        Raises:
            Refused: ``no_user``, ``no_permission``.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with self._lock:
            self._tokens += 1
            token = self._tokens
            socket.send_fds(self._control, [encode({"do": "spawn", "token": token, "user": user})], [theirs.fileno()])
        theirs.close()
        helper = Helper(ours, lambda: self._tell({"do": "end", "token": token}))
        welcome = helper.ask({})
        if "error" in welcome:
            helper.close()
            raise Refused(welcome["error"]["code"], welcome["error"]["message"])
        return helper

    def started(self, group: int) -> None:
        """A command's process group runs from now on; it is killed when the agent dies."""
        self._tell({"do": "started", "group": group})

    def ended(self, group: int) -> None:
        """A command's process group needs no more care."""
        self._tell({"do": "ended", "group": group})

    def _tell(self, message: dict[str, Any]) -> None:
        with self._lock, contextlib.suppress(OSError):  # without a companion there is nobody to tell
            self._control.send(encode(message))


def _live(control: socket.socket, perform: Perform) -> None:
    """What the companion does until the agent is gone; never returns."""
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        _Companion(control, perform).serve()
    finally:
        os._exit(0)


class _Companion:
    def __init__(self, control: socket.socket, perform: Perform) -> None:
        self.control = control
        self.perform = perform
        self.helpers: dict[int, int] = {}
        self.groups: set[int] = set()

    def serve(self) -> None:
        while True:
            select.select([self.control], [], [], 5.0)
            self._reap()
            with contextlib.suppress(BlockingIOError):
                data, handles, _, _ = socket.recv_fds(self.control, 65536, 4, socket.MSG_DONTWAIT)
                if not data:
                    break
                self._obey(parse(data), handles)
        self._end_all()

    def _obey(self, message: dict[str, Any], handles: list[int]) -> None:
        if message["do"] == "spawn":
            self._spawn(message["token"], message["user"], handles[0])
        elif message["do"] == "end":
            self._kill_helper(message["token"])
        elif message["do"] == "started":
            self.groups.add(message["group"])
        else:
            self.groups.discard(message["group"])

    def _spawn(self, token: int, user: str, handle: int) -> None:
        process = os.fork()
        if process == 0:
            self.control.close()
            _help(socket.socket(fileno=handle), user, self.perform)
        os.close(handle)
        self.helpers[token] = process

    def _kill_helper(self, token: int) -> None:
        if token in self.helpers:  # not reaped yet, so the number is still its own
            os.kill(self.helpers[token], signal.SIGKILL)

    def _reap(self) -> None:
        for token, process in list(self.helpers.items()):
            if os.waitpid(process, os.WNOHANG)[0]:
                del self.helpers[token]

    def _end_all(self) -> None:
        for group in self.groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        for process in self.helpers.values():
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)


def _help(wire: socket.socket, user: str, perform: Perform) -> None:
    """The life of a helper: become the user, then one reply for each request; never returns."""
    try:
        reader = wire.makefile("rb")
        read_frame(reader.read)
        try:
            become(find_user(user))
            welcome: dict[str, Any] = {}
        except Refused as refusal:
            welcome = refusal.as_reply()
        wire.sendall(frame(encode(welcome)))
        while not welcome and (request := read_frame(reader.read)) is not None:
            wire.sendall(frame(encode(perform(request))))
    finally:
        os._exit(0)
