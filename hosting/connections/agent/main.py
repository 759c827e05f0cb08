"""The agent itself: says hello, answers batches of requests side by side until its input ends."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

from . import failpoints
from .commands import Groups
from .journal import Journal
from .operations import Performer, perform_files
from .warden import Warden
from .wire import MAGIC, MAX_FRAME, MAX_IN_FLIGHT, VERSION, MalformedFrame, Refused, encode, frame, read_frame

_FAREWELL_SECONDS = 3.0
# Room for what surrounds the replies in a frame.
_ENVELOPE = 256


def main() -> None:
    """Serve standard input until it ends; never returns."""
    os.umask(0o022)
    os.chdir("/")
    warden = Warden(perform_files)
    output = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not get between the frames
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    status = 2
    try:
        status = Agent(output, warden, Journal()).serve(sys.stdin.buffer)
    finally:
        os._exit(status)


def _stop(_signal: int, _frame: Any) -> None:
    raise SystemExit


class Agent:
    """One connection's node side.

    Args:
        output: descriptor the frames are written to.
        warden: makes the helpers that act as a user.
        journal: where changes are recorded.
    """

    def __init__(self, output: int, warden: Warden, journal: Journal) -> None:
        self._output, self._warden, self._journal = output, warden, journal
        self._groups = Groups(warden.started, warden.ended)
        self._write_lock = threading.Lock()
        self._room = threading.BoundedSemaphore(MAX_IN_FLIGHT)
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="batch")

    def serve(self, stream: BinaryIO) -> int:
        """Answer frames until the stream ends; returns the exit status (1 when the other side spoke nonsense)."""
        status = 0
        try:
            self._send(MAGIC + frame(encode(_hello())))
            while (message := read_frame(stream.read)) is not None:
                self._take(message)
        except MalformedFrame as error:
            status = 1
            self._say_bye(str(error))
        except (OSError, SystemExit):
            status = 2
        self._end()
        return status

    def _take(self, message: dict[str, Any]) -> None:
        if "ping" in message:
            self._send(frame(encode({"pong": message["ping"]})))
            return
        number, requests, context = message.get("id"), message.get("requests"), message.get("context", {})
        if type(number) is not int or not isinstance(requests, list) or not isinstance(context, dict):
            raise MalformedFrame("a frame is neither a batch nor a ping")
        if not self._room.acquire(blocking=False):
            busy = Refused("not_run", "the agent has too many batches in flight").as_reply()
            self._send(_pack(number, [busy] * len(requests)))
            return
        self._pool.submit(self._answer, number, requests, context, message)

    def _answer(self, number: int, requests: list[Any], context: dict[str, Any], message: dict[str, Any]) -> None:
        try:
            failpoint = str(message.get("failpoint", ""))
            performer = Performer(self._warden, self._groups, self._journal, context, failpoint)
            try:
                replies = self._perform(performer, requests, stop=message.get("stop_on_error") is True)
            finally:
                performer.close()
            failpoints.hit(failpoint, failpoints.BEFORE_REPLY)
        finally:
            self._room.release()  # before the answer, which lets the other side send the next batch
        with contextlib.suppress(OSError):  # nobody is there to hear the answer; the input ends too
            self._send(_pack(number, replies))

    def _perform(self, performer: Performer, requests: list[Any], *, stop: bool) -> list[dict[str, Any]]:
        replies: list[dict[str, Any]] = []
        for request in requests:
            if self._ending.is_set() or (stop and replies and "error" in replies[-1]):
                replies.append(Refused("not_run", "an earlier request of the batch failed").as_reply())
            else:
                replies.append(performer.perform(request))
        return replies

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        with self._write_lock:
            while view:
                view = view[os.write(self._output, view) :]

    def _say_bye(self, reason: str) -> None:
        sys.stderr.write(f"npanel-agent: {reason}\n")
        with contextlib.suppress(OSError):
            self._send(frame(encode({"bye": reason})))

    def _end(self) -> None:
        """Kill what runs, and give the batches a moment to write that into the journal."""
        self._ending.set()
        self._groups.kill_all()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for _ in range(MAX_IN_FLIGHT):
            if not self._room.acquire(timeout=_FAREWELL_SECONDS):
                break
        self._write_lock.acquire(timeout=_FAREWELL_SECONDS)  # an answer that is being written is written whole


def _pack(number: int, replies: list[dict[str, Any]]) -> bytes:
    """One frame with all replies; those that do not fit any more become the error ``too_large``."""
    bodies, left = [], MAX_FRAME - _ENVELOPE - 128 * len(replies)
    for reply in replies:
        body = encode(reply)
        if len(body) > left:
            body = encode(Refused("too_large", "the batch's answers do not fit into one frame").as_reply())
        left -= len(body)
        bodies.append(body)
    return frame(b'{"id":%d,"replies":[' % number + b",".join(bodies) + b"]}")


def _hello() -> dict[str, Any]:
    hello = {"version": VERSION, "pid": os.getpid(), "hostname": socket.gethostname(), "uid": os.geteuid()}
    return {"hello": {**hello, "python": platform.python_version()}}
