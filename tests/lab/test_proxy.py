"""The proxy does to a connection what it says."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from .proxy import Proxy

PATIENCE = 30.0


@pytest.fixture
def echo() -> Iterator[int]:
    """A server on loopback that sends back what it gets; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        # Closing a listening socket does not wake its accept; shutting it down does.
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", echo) as proxy:
        yield proxy


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((proxy.address, proxy.port), timeout=PATIENCE)


def receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := connection.recv(count - len(data))):
        data += more
    return data


def test_it_passes_bytes_both_ways_and_the_end(proxy: Proxy) -> None:
    payload = bytes(range(256)) * 4096
    with connect(proxy) as connection:
        threading.Thread(target=connection.sendall, args=(payload,)).start()
        assert receive(connection, len(payload)) == payload
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_latency_delays_each_direction(proxy: Proxy) -> None:
    proxy.latency(0.2)
    with connect(proxy) as connection:
        started = time.monotonic()
        connection.sendall(b"hello")
        assert receive(connection, 5) == b"hello"
        assert time.monotonic() - started >= 0.4


def test_throttling_slows_down(proxy: Proxy) -> None:
    proxy.throttle(100_000)
    with connect(proxy) as connection:
        started = time.monotonic()
        connection.sendall(bytes(40_000))
        assert len(receive(connection, 40_000)) == 40_000
        assert time.monotonic() - started >= 0.4


def test_stopped_bytes_arrive_after_resume(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.stop()
        connection.sendall(b"hello")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.resume()
        connection.settimeout(PATIENCE)
        assert receive(connection, 5) == b"hello"


def test_a_cut_comes_after_the_bytes_and_only_once(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.cut_after(3, "to_client")
        connection.sendall(b"hello")
        assert receive(connection, 3) == b"hel"
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert proxy.was_cut.wait(PATIENCE)
    with connect(proxy) as connection:
        connection.sendall(b"again")
        assert receive(connection, 5) == b"again"


def test_an_absent_target_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Proxy("127.0.0.1", port) as proxy, connect(proxy) as connection, contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""
