"""Requests from the node to itself: HTTP over TCP or a unix socket, and plain TCP or UDP probes."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .fields import Fields
from .files import read
from .wire import Refused, to_bytes, to_text

BODY_MAX = 64 * 1024 * 1024
_HEADER_FILE_MAX = 4096
_METHOD = re.compile(r"[A-Z]{1,16}")
_FAULTS = (OSError, http.client.HTTPException, ValueError)


def http_request(fields: Fields) -> dict[str, Any]:
    """One HTTP request; redirects are not followed.

    Raises:
        Refused: ``http_failed`` (no answer, no valid one, one over the limit), ``not_local``; as ``read`` does for
            a header's file.
    """
    url, seconds, headers = _url(fields), fields.seconds("timeout", 10.0), _headers(fields)
    deadline = time.monotonic() + seconds
    try:
        with contextlib.closing(_dial(fields, url, seconds)) as raw, _ended_after(raw, seconds):
            answer = _exchange(fields, url, raw, headers)
            _left(deadline)  # an answer that was cut off in its headers passes for a complete one
            return answer
    except _FAULTS as error:
        late = time.monotonic() >= deadline
        reason = f"no complete answer within {seconds:g} seconds" if late else (str(error) or type(error).__name__)
        raise Refused("http_failed", f"{fields.text('method')} {_shown(url)}: {reason}") from error


def _headers(fields: Fields) -> list[tuple[str, str]]:
    """The given headers, and those whose value is kept in a file of the node, so that the secret never travels."""
    kept = [(name, _header_value(path)) for name, path in fields.pairs("header_files")]
    replaced = {name.lower() for name, _ in kept}
    return [*(pair for pair in fields.pairs("headers") if pair[0].lower() not in replaced), *kept]


def _header_value(path: str) -> str:
    """The stripped text of a small file; an error names the path only."""
    try:
        found = read(Fields({"path": path, "limit": _HEADER_FILE_MAX}))
    except OSError as error:
        raise Refused("io_error", f"{path}: {error.strerror}") from error
    if not found["exists"]:
        raise Refused("not_found", f"{path}: No such file or directory")
    value = to_bytes(found["data"]).decode("utf-8", "replace").strip()
    if not value or any(character in value for character in "\r\n\0\ufffd"):
        raise Refused("not_regular", f"{path} holds no single line of text")
    return value


def _exchange(fields: Fields, url: SplitResult, raw: socket.socket, headers: list[tuple[str, str]]) -> dict[str, Any]:
    limit, method = fields.whole("limit", 0, BODY_MAX, BODY_MAX), fields.text("method")
    host = fields.text("host", "") or url.netloc.rpartition("@")[2]
    with contextlib.closing(http.client.HTTPConnection(host)) as connection:
        connection.sock = _secured(raw, host) if url.scheme == "https" else raw
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        body = fields.binary("body")
        for name, value in _complete(headers, host, body, method):
            connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        content = answer.read(limit + 1)
    if len(content) > limit:
        raise Refused("http_failed", f"the answer is larger than {limit} bytes")
    return {"status": answer.status, "headers": answer.getheaders(), "stdout": to_text(content)}


def _complete(headers: list[tuple[str, str]], host: str, body: bytes, method: str) -> list[tuple[str, str]]:
    """The given headers and those every request needs (RFC 9112 §3.2 Host, RFC 9110 §8.6 Content-Length)."""
    given = {name.lower() for name, _ in headers}
    needed = [("Host", host), ("Connection", "close")]
    if body or method in ("POST", "PUT", "PATCH"):
        needed.append(("Content-Length", str(len(body))))
    return [*(pair for pair in needed if pair[0].lower() not in given), *headers]


def _url(fields: Fields) -> SplitResult:
    try:
        url = urlsplit(fields.text("url"))
        port = url.port
    except ValueError as error:
        raise Refused("bad_request", "the URL is not valid") from error
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        raise Refused("bad_request", "the URL is no http or https URL with a host")
    if not _METHOD.fullmatch(fields.text("method")):
        raise Refused("bad_request", "the HTTP method is not valid")
    return url


def _shown(url: SplitResult) -> str:
    """The URL without its query, which may hold secrets."""
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _dial(fields: Fields, url: SplitResult, seconds: float) -> socket.socket:
    if path := fields.text("unix_socket", ""):
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.settimeout(seconds)
        unix.connect(path)
        return unix
    port = url.port or (443 if url.scheme == "https" else 80)
    address = own_address(fields.text("connect", "") or url.hostname or "")
    return socket.create_connection((address, port), timeout=seconds)


def _secured(raw: socket.socket, host: str) -> ssl.SSLSocket:
    """TLS without a check of the certificate: the node talks to itself, and what it serves may not be valid yet."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw, server_hostname=host.rpartition(":")[0] if _has_port(host) else host)


def _has_port(host: str) -> bool:
    return re.search(r":\d+$", host) is not None


@contextlib.contextmanager
def _ended_after(raw: socket.socket, seconds: float) -> Iterator[None]:
    """Shut the socket down after so long, however slowly the other side drips its answer."""
    duplicate = raw.dup()

    def end() -> None:
        with contextlib.suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        duplicate.close()


def own_address(host: str) -> str:
    """An address of the node itself, for a host given as such an address or as ``localhost``.

    Raises:
        Refused: ``not_local``: the agent never talks to other machines.
    """
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(name).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((name, 0))
    except (OSError, ValueError) as error:
        raise Refused("not_local", f"{host!r} is no address of this node") from error
    return name


def tcp(fields: Fields) -> dict[str, Any]:
    """Connect, send, read until ``read_until``, the limit, the end or the timeout.

    Raises:
        Refused: ``tcp_failed`` (no connection; no ``read_until`` in time; no datagram in time), ``not_local``.
    """
    address = (own_address(fields.text("address")), fields.whole("port", 1, 65535))
    deadline = time.monotonic() + fields.seconds("timeout", 5.0)
    try:
        talk = _datagram if fields.flag("udp") else _stream
        return {"stdout": to_text(talk(fields, address, deadline))}
    except OSError as error:
        reason = "no answer in time" if isinstance(error, socket.timeout) else str(error)
        raise Refused("tcp_failed", f"port {address[1]} of {address[0]}: {reason}") from error


def _stream(fields: Fields, address: tuple[str, int], deadline: float) -> bytes:
    limit, until = fields.whole("limit", 0, BODY_MAX, 65536), fields.binary("read_until")
    received = bytearray()
    with contextlib.closing(socket.create_connection(address, timeout=_left(deadline))) as stream:
        stream.sendall(fields.binary("data"))
        while len(received) < limit and not (until and until in received):
            try:
                stream.settimeout(_left(deadline))
                piece = stream.recv(min(65536, limit - len(received)))
            except socket.timeout:  # noqa: UP041 (a class of its own before Python 3.10)
                if until:
                    raise
                break
            if not piece:
                break
            received += piece
    return bytes(received)


def _datagram(fields: Fields, address: tuple[str, int], deadline: float) -> bytes:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as wire:
        wire.settimeout(_left(deadline))
        wire.connect(address)
        wire.send(fields.binary("data"))
        return wire.recv(fields.whole("limit", 0, 65536, 65536))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("no answer in time")  # noqa: UP041 (as above)
    return left
