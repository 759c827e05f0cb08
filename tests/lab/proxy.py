"""A TCP proxy to spoil a connection with: latency, throttling, silence, a cut after so many bytes."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

Direction = Literal["to_target", "to_client"]
T = TypeVar("T")
CHUNK = 16384
_IN_FLIGHT = 256


@dataclass
class _Weather:
    """What the proxy does to bytes at the moment; only the proxy's own thread touches it."""

    latency: float = 0.0
    rate: float | None = None
    cut_after: int | None = None
    cut_direction: Direction | None = None


class Proxy:
    """Forwards 127.0.0.1:``port`` to a target, from a thread of its own; use it as a context manager.

    Every setting may be changed at any time, from any thread, and holds for connections that are open already.

    Args:
        host: address of the target, for example a node's.
        port: its TCP port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._weather = _Weather()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-proxy", daemon=True)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = "127.0.0.1"
        self.port = 0
        self.was_cut = threading.Event()
        self.passed: dict[Direction, int] = {"to_target": 0, "to_client": 0}

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._await(asyncio.start_server(self._serve, self.address, 0, limit=CHUNK))
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def latency(self, seconds: float) -> None:
        """Delay every byte by so much in each direction, so a round trip by twice as much; bandwidth stays."""
        self._do(lambda: setattr(self._weather, "latency", seconds))

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit each direction of each connection to this rate; None lifts the limit."""
        self._do(lambda: setattr(self._weather, "rate", bytes_per_second))

    def stop(self) -> None:
        """Let no byte through; connections stay open and new ones are accepted, in silence."""
        self._do(self._flowing.clear)

    def resume(self) -> None:
        """Let the bytes held back by ``stop``, and all later ones, through."""
        self._do(self._flowing.set)

    def cut_after(self, count: int, direction: Direction | None = None) -> None:
        """Let ``count`` more bytes pass (in one direction, or counted over both), then reset every connection, once.

        ``was_cut`` is set when it has happened; connections made after that work.
        """
        self.was_cut.clear()
        self._do(lambda: self._arm(count, direction))

    def cut(self) -> None:
        """Reset every open connection now."""
        self._do(self._cut)

    def _arm(self, count: int, direction: Direction | None) -> None:
        self._weather.cut_after, self._weather.cut_direction = count, direction

    def _cut(self) -> None:
        self._weather.cut_after = None
        for writer in list(self._open):
            _reset(writer)
        self.was_cut.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            writer.close()
            self._open.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target, limit=CHUNK)
        self._open.add(there_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, there_writer, "to_target"))
                group.create_task(self._pump(there_reader, writer, "to_client"))
        except* OSError:
            # One side is gone, or was cut: the other learns it the same way.
            _reset(writer)
            _reset(there_writer)
        finally:
            there_writer.close()
            self._open.discard(there_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        """One direction: a reader that notes when each chunk is due, and a writer that lets it through then."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._collect(reader, waiting))
            group.create_task(self._deliver(waiting, writer, direction))

    async def _collect(self, reader: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        data = b"-"
        while data:
            data = await reader.read(CHUNK)
            await waiting.put((self._loop.time() + self._weather.latency, data))

    async def _deliver(
        self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if self._weather.rate:
                await asyncio.sleep(len(data) / self._weather.rate)
            await self._flowing.wait()
            if not data:
                break
            await self._pass(data, writer, direction)
        if writer.can_write_eof():
            writer.write_eof()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, direction: Direction) -> None:
        weather = self._weather
        counts = weather.cut_after is not None and weather.cut_direction in (None, direction)
        allowed = min(len(data), weather.cut_after or 0) if counts else len(data)
        self.passed[direction] += allowed
        writer.write(data[:allowed])
        await writer.drain()
        if not counts:
            return
        weather.cut_after = (weather.cut_after or 0) - allowed
        if weather.cut_after <= 0:
            # Give the last bytes their way out before the reset drops them.
            await asyncio.sleep(0.05)
            self._cut()

    async def _close(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for writer in list(self._open):
            _reset(writer)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _do(self, change: Callable[[], object]) -> None:
        """Have the proxy's thread make a change, and return when it is made."""

        async def call() -> None:
            change()

        self._await(call())

    def _await(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once with a TCP reset, not an orderly end (socket(7), ``SO_LINGER`` with a time of 0)."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
