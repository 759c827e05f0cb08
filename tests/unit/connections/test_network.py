"""The agent talks to the node's own services, and to nobody else."""

import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hosting.connections.base import Http, Reply, Request, Tcp
from hosting.connections.local import LocalConnection
from hosting.errors import HostingError


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; some paths misbehave."""

    protocol_version = "HTTP/1.1"
    stop: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/drip":
            self.drip()
            return
        said = f"{self.command} {self.path} host={self.headers['Host']} key={self.headers['X-API-Key']} body={body!r}"
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(said.encode())

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 (named by the library)

    def drip(self) -> None:
        """One byte of an endless header every now and then."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.stop.wait(0.1):
            try:
                self.wfile.write(b"x")
            except OSError:
                return

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class UnixServer(socketserver.ThreadingUnixStreamServer):
    def get_request(self) -> tuple[socket.socket, Any]:
        connection, _ = super().get_request()
        return connection, ("unix", 0)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    Handler.stop.set()
    server.shutdown()
    server.server_close()


def ask(local: LocalConnection, request: Request) -> Reply:
    (answer,) = local.batch([request])
    if isinstance(answer, HostingError):
        raise answer
    return answer


def refused(local: LocalConnection, request: Request) -> HostingError:
    (answer,) = local.batch([request])
    assert isinstance(answer, HostingError), answer
    return answer


def test_a_request_carries_method_headers_and_body(local: LocalConnection, port: int) -> None:
    request = Http("PUT", f"http://127.0.0.1:{port}/api/v1?x=1", headers=(("X-API-Key", "k"),), body=b"\xff")
    reply = ask(local, request)
    assert reply.status == 200
    assert reply.text == f"PUT /api/v1?x=1 host=127.0.0.1:{port} key=k body=b'\\xff'"
    assert ("Location", "/elsewhere") in reply.headers


def test_a_site_is_asked_for_by_name_at_an_address(local: LocalConnection, port: int) -> None:
    reply = ask(local, Http("GET", f"http://site.test:{port}/", connect="127.0.0.1"))
    assert f"host=site.test:{port}" in reply.text
    assert "host=other.test" in ask(local, Http("GET", f"http://127.0.0.1:{port}/", host="other.test")).text


def test_a_secret_header_comes_from_a_file_on_the_node(local: LocalConnection, port: int, place: str) -> None:
    key = Path(place, "key")
    key.write_text("planted\n")
    files = (("X-API-Key", str(key)),)
    request = Http("GET", f"http://127.0.0.1:{port}/", headers=(("x-api-key", "other"),), header_files=files)
    assert "key=planted" in ask(local, request).text
    for content in ("", " \n", "two\nlines", "x" * 5000):
        key.write_text(content)
        error = refused(local, request)
        assert error.code == "node_file_error"
        assert "two" not in error.detail
    key.unlink()
    assert "No such file" in refused(local, request).detail
    key.symlink_to("/etc/hostname")
    assert "is a link" in refused(local, request).detail


def test_redirects_are_shown_not_followed(local: LocalConnection, port: int) -> None:
    assert ask(local, Http("GET", f"http://127.0.0.1:{port}/moved")).status == 302


def test_a_unix_socket_is_reached(local: LocalConnection, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with UnixServer(path, Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ask(local, Http("POST", "http://localhost/x", body=b"b", unix_socket=path)).text.startswith("POST /x")
        server.shutdown()


def test_an_invalid_certificate_does_not_matter_to_a_probe(local: LocalConnection, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        request = Http("GET", f"https://127.0.0.1:{server.server_port}/", host="site.test")
        assert ask(local, request).status == 200
        server.shutdown()
    assert names == ["site.test"]


def self_signed(folder: Path) -> Path:
    import datetime

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    long_ago = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, long_ago, long_ago + datetime.timedelta(days=1))
    path = folder / "cert.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/", "http://site.test/", "http://169.254.169.254/latest", "http://[2001:db8::1]/"]
)
def test_other_machines_are_never_reached(local: LocalConnection, url: str) -> None:
    assert refused(local, Http("GET", url)).code == "node_not_local"
    assert refused(local, Http("GET", "http://127.0.0.1/", connect="192.0.2.1")).code == "node_not_local"
    assert refused(local, Tcp("192.0.2.1", 25)).code == "node_not_local"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http:///x", "file:///etc/passwd", "http://127.0.0.1:99999/", ""])
def test_other_urls_are_refused(local: LocalConnection, url: str) -> None:
    assert refused(local, Http("GET", url)).code == "node_bad_request"


@pytest.mark.parametrize(
    "request_",
    [
        Http("GET", "http://127.0.0.1/", headers=(("A", "b\r\nC: d"),)),
        Http("GET", "http://127.0.0.1/", headers=(("A\r\nB", "c"),)),
        Http("GET", "http://127.0.0.1/", host="a\r\nB: c"),
        Http("GET", "http://127.0.0.1/a b\r\nC: d"),
        Http("GET /x HTTP/1.0\r\n", "http://127.0.0.1/"),
    ],
)
def test_nothing_is_smuggled_into_a_request(local: LocalConnection, port: int, request_: Http) -> None:
    from dataclasses import replace

    aimed = replace(request_, url=request_.url.replace("127.0.0.1", f"127.0.0.1:{port}"))
    (answer,) = local.batch([aimed])
    # Either refused, or sent with the line breaks taken out (urlsplit does that to a URL).
    assert isinstance(answer, HostingError) or "C: d" not in answer.headers


def test_no_answer_is_an_error_with_the_address_but_not_the_query(local: LocalConnection) -> None:
    error = refused(local, Http("GET", f"http://127.0.0.1:{free_port()}/x?token=planted"))
    assert error.code == "node_http_failed"
    assert "refused" in error.detail
    assert "planted" not in error.detail


def test_an_answer_that_only_drips_is_cut_off(local: LocalConnection, port: int) -> None:
    error = refused(local, Http("GET", f"http://127.0.0.1:{port}/drip", timeout=1.0))
    assert "no complete answer within 1 seconds" in error.detail


def test_an_answer_over_the_limit_is_refused(local: LocalConnection, port: int) -> None:
    error = refused(local, Http("GET", f"http://127.0.0.1:{port}/", limit=3))
    assert "larger than 3 bytes" in error.detail


@pytest.fixture
def banner_port() -> Iterator[int]:
    """A server that greets, answers each line with itself, and never hangs up first."""

    class Greeter(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            for line in self.rfile:
                self.wfile.write(b"250 " + line)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_banner_is_read_up_to_what_is_asked(local: LocalConnection, banner_port: int) -> None:
    reply = ask(local, Tcp("127.0.0.1", banner_port, read_until=b"\n", timeout=60))
    assert reply.text == "220 ready\r\n"
    reply = ask(local, Tcp("127.0.0.1", banner_port, data=b"EHLO x\r\n", read_until=b"EHLO x\r\n", timeout=60))
    assert reply.text == "220 ready\r\n250 EHLO x\r\n"
    assert ask(local, Tcp("127.0.0.1", banner_port, limit=3)).text == "220"
    assert ask(local, Tcp("127.0.0.1", banner_port, timeout=0.5)).text == "220 ready\r\n"
    assert refused(local, Tcp("127.0.0.1", banner_port, read_until=b"never", timeout=0.5)).code == "node_tcp_failed"


def test_a_closed_port_is_an_error(local: LocalConnection) -> None:
    error = refused(local, Tcp("127.0.0.1", free_port()))
    assert (error.code, "refused" in error.detail) == ("node_tcp_failed", True)


def test_a_datagram_is_answered(local: LocalConnection) -> None:
    class Echo(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"<" + self.rfile.read() + b">")

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ask(local, Tcp("127.0.0.1", server.server_address[1], data=b"\xff", udp=True)).stdout == b"<\xff>"
        server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
