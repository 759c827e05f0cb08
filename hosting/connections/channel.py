"""One conversation with one running agent, shared by many threads: frames out, replies back by number."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hosting.connections import protocol
from hosting.connections.agent import wire
from hosting.connections.base import Context, Reply, Request
from hosting.errors import AgentUnavailable, ConnectionTimedOut, HostingError, OutcomeUnknown
from hosting.texts import N_, NOTHING, Text, plain

START_SECONDS = 20.0
_NOISE_MAX = 65536


class NotSent(Exception):
    """The connection is gone, and the agent provably did not get the batch as a whole, so nothing of it ran."""

    def __init__(self, reason: Text) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Pipe(Protocol):
    """Two streams of bytes to and from a running agent."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes as soon as there are some; b"" when the agent is gone. Never raises."""
        ...

    def write(self, data: bytes) -> None:
        """Send everything. Raises OSError or EOFError when not all of it could be sent."""
        ...

    def last_words(self) -> str:
        """What the agent said last on its standard error."""
        ...

    def close(self) -> None:
        """End the agent and wake up whoever reads. Safe to call twice and from any thread."""
        ...

    def abandon(self) -> None:
        """In a forked child: let go of the parent's descriptors without a word to the other side."""
        ...


@dataclass(slots=True)
class _Waiter:
    """A thread that waits for an answer: either ``message`` or ``lost`` is set before ``ready``."""

    ready: threading.Event = field(default_factory=threading.Event)
    message: dict[str, Any] | None = None
    lost: Text = NOTHING


class AgentClient:
    """Speaks with one agent until it is lost; a new connection needs a new client.

    Args:
        pipe: streams to a process that runs ``bootstrap.command()`` and has got nothing yet.
        program: what to send first (``bootstrap.program()``).
        silence: seconds without a word from the agent, in spite of pings, until it counts as lost.

    Raises:
        AgentUnavailable: no hello came.
    """

    def __init__(self, pipe: Pipe, program: bytes, *, silence: float = 30.0) -> None:
        self._pipe, self._silence = pipe, silence
        self._numbers = itertools.count(1)
        self._waiters: dict[int, _Waiter] = {}
        self._lock, self._write_lock = threading.Lock(), threading.Lock()
        self._room = threading.BoundedSemaphore(wire.MAX_IN_FLIGHT)
        self._heard = time.monotonic()
        self._lost = NOTHING
        self.hello: dict[str, Any] = {}
        self._start(program)

    @property
    def lost(self) -> bool:
        """Whether this client cannot be used any more."""
        return bool(self._lost)

    def ask(
        self, requests: Sequence[Request], context: Context, *, seconds: float, stop_on_error: bool, failpoint: str
    ) -> list[Reply | HostingError]:
        """Send a batch and wait for its answers.

        Args:
            seconds: how long the whole may take.

        Raises:
            NotSent: the connection was lost before the batch was sent as a whole.
            ConnectionTimedOut: too many batches were in flight all the time; nothing was sent.
            OutcomeUnknown: it was sent, and no answer came.
        """
        number, deadline = next(self._numbers), time.monotonic() + seconds
        data = protocol.encode_batch(number, requests, context, stop_on_error=stop_on_error, failpoint=failpoint)
        if not self._room.acquire(timeout=seconds):
            raise ConnectionTimedOut(N_("The node is busy: too many batches wait for their answers."))
        try:
            self._wake()
            waiter = self._send(number, data)
            answer = self._wait(waiter, deadline)
        finally:
            self._room.release()
        try:
            return protocol.decode_replies(answer, requests)
        except protocol.ProtocolError as error:
            self._lose(plain(error))
            raise OutcomeUnknown(N_("The node's answer made no sense: %(error)s.", error=error)) from error

    def close(self) -> None:
        """End the agent."""
        self._lose(N_("the connection was closed"))

    def abandon(self) -> None:
        """Forget everything, in a forked child: the agent is the parent's."""
        self._lost = N_("it belongs to the parent process")
        self._pipe.abandon()

    def _start(self, program: bytes) -> None:
        greeting = _Waiter()
        self._waiters[0] = greeting
        threading.Thread(target=self._listen, name="npanel-agent-reader", daemon=True).start()
        try:
            with contextlib.suppress(OSError, EOFError):  # why it ended is told by what it said
                self._pipe.write(program)
            if not greeting.ready.wait(START_SECONDS) or greeting.message is None:
                raise AgentUnavailable(
                    N_(
                        "The agent did not start on the node: %(why)s.",
                        why=self._why(greeting.lost or N_("it said nothing")),
                    ),
                    hint=N_("The node needs Python 3.9 or newer as python3, and root (or sudo without a password)."),
                )
            self.hello = _checked_hello(greeting.message)
        except BaseException:
            self.close()
            raise

    def _why(self, otherwise: Text) -> Text:
        return plain(protocol.printable(self._pipe.last_words())) or otherwise

    def _wake(self) -> None:
        """After a long silence make sure that the agent is there, so that a dead line costs no unknown outcome."""
        if time.monotonic() - self._heard < self._silence / 2:
            return
        waiter = _Waiter()
        number = -next(self._numbers)
        self._register(number, waiter)
        self._write(wire.frame(wire.encode({"ping": number})))
        if not waiter.ready.wait(self._silence / 3):
            self._lose(N_("the line was dead"))
        if waiter.message is None:
            raise NotSent(self._lost)

    def _send(self, number: int, data: bytes) -> _Waiter:
        waiter = _Waiter()
        self._register(number, waiter)
        self._write(data)
        return waiter

    def _register(self, number: int, waiter: _Waiter) -> None:
        with self._lock:
            if self._lost:
                raise NotSent(self._lost)
            self._waiters[number] = waiter

    def _write(self, data: bytes) -> None:
        """Send a frame; one that was not sent as a whole is never executed, since the agent waits for its end."""
        try:
            with self._write_lock:
                self._pipe.write(data)
        except (OSError, EOFError) as error:
            reason = N_("it could not be written to (%(error)s)", error=str(error) or type(error).__name__)
            self._lose(reason)
            raise NotSent(reason) from error

    def _wait(self, waiter: _Waiter, deadline: float) -> dict[str, Any]:
        while not waiter.ready.wait(max(0.0, min(self._silence / 3, deadline - time.monotonic()))):
            now = time.monotonic()
            if now >= deadline:
                self._lose(N_("the node did not answer in time"))
            elif now - self._heard >= self._silence:
                self._lose(N_("the node was silent for %(seconds)s seconds", seconds=f"{self._silence:g}"))
            else:
                self._ping()
        if waiter.message is None:
            raise OutcomeUnknown(
                N_("The connection was lost after the request was sent: %(lost)s.", lost=waiter.lost),
                hint=N_("It may have run: NPanel looks at the node before it tries again."),
            )
        return waiter.message

    def _ping(self) -> None:
        """Ask for a sign of life, unless another thread is writing anyway."""
        if self._write_lock.acquire(blocking=False):
            try:
                self._pipe.write(wire.frame(wire.encode({"ping": 0})))
            except (OSError, EOFError) as error:
                self._lose(N_("it could not be written to (%(error)s)", error=error))
            finally:
                self._write_lock.release()

    def _listen(self) -> None:
        """The reader thread: gives each frame to the thread that waits for it, until the agent is gone."""
        try:
            _skip_noise(self._read)
            while (message := wire.read_frame(self._read)) is not None:
                self._heard = time.monotonic()
                self._dispatch(message)
            reason = self._why(N_("the agent ended"))
        except (wire.MalformedFrame, protocol.ProtocolError) as error:
            reason = self._why(plain(error))
        self._lose(reason)

    def _read(self, size: int) -> bytes:
        parts, left = [], size
        while left and (part := self._pipe.read(min(left, 1024 * 1024))):
            self._heard = time.monotonic()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _dispatch(self, message: dict[str, Any]) -> None:
        if "bye" in message:
            raise protocol.ProtocolError(protocol.printable(str(message["bye"])))
        number = 0 if "hello" in message else message.get("pong", message.get("id"))
        if type(number) is not int:
            raise protocol.ProtocolError("a frame belongs to nothing")
        with self._lock:
            waiter = self._waiters.pop(number, None)
        if waiter is not None:
            waiter.message = message
            waiter.ready.set()

    def _lose(self, reason: Text) -> None:
        """Give up the connection and tell everybody who waits; the first reason counts."""
        with self._lock:
            self._lost = self._lost or reason
            waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            waiter.lost = self._lost
            waiter.ready.set()
        self._pipe.close()


def _checked_hello(message: dict[str, Any]) -> dict[str, Any]:
    hello = message.get("hello")
    if not isinstance(hello, dict) or hello.get("version") != wire.VERSION:
        raise AgentUnavailable(N_("The agent on the node speaks another version of the protocol."))
    return hello


def _skip_noise(read: Callable[[int], bytes]) -> None:
    """Read up to the agent's magic: a login shell or a banner may have printed something before it."""
    seen = b""
    while not seen.endswith(wire.MAGIC):
        piece = read(1)
        if not piece or len(seen) > _NOISE_MAX:
            raise wire.MalformedFrame(f"instead of the agent answered: {seen[:200].decode('utf-8', 'replace')}")
        seen += piece
