"""The nginx in front of the panel by itself: what it hands on, what it refuses, and what it says of its own."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from observability.certificates import ensure_self_signed
from tests.live.front import PATIENCE_S, Doors, ask, nginx, trusting_nobody, variables

pytestmark = pytest.mark.slow
_HARDENING = (
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
)


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers it got."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def echoing(folder: Path, **values: object) -> Iterator[Doors]:
    """The same nginx with a server behind it that shows what arrives; the customers' process is down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    front = variables(folder, admin=f"127.0.0.1:{server.server_port}", **values)
    ensure_self_signed(Path(front.certificate), Path(front.key))
    try:
        with nginx(front, folder) as doors:
            yield doors
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with echoing(tmp_path_factory.mktemp("echo"), patience=1) as doors:
        yield doors


def test_what_a_client_says_about_itself_is_replaced(echo: Doors) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Port": "443", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9", "Proxy": "http://evil",
        "X-NPanel-Unified": "1", "X_Forwarded_For": "203.0.113.9", "X-Forwarded-Prefix": "/evil",
    }  # fmt: skip
    port = echo.port("admin")
    got = json.loads(ask(port, "/x", headers=lies).text)
    assert "evil" not in str(got)
    assert "203.0.113.9" not in str(got)
    expected = {
        "host": f"127.0.0.1:{port}", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http",
        "x-forwarded-host": f"127.0.0.1:{port}", "x-forwarded-port": str(port),
    }  # fmt: skip
    assert expected.items() <= got.items()
    assert "x-npanel-unified" not in got
    over_tls = json.loads(ask(echo.port("admin", secure=True), "/x", headers=lies, tls=trusting_nobody()).text)
    assert over_tls["x-forwarded-proto"] == "https"
    unified = json.loads(ask(echo.front.unified, "/admin/", headers=lies).text)
    assert unified["x-npanel-unified"] == "1"


def test_every_answer_has_the_browsers_orders_once(front: Doors, echo: Doors) -> None:
    answers = {
        "the panel's page": ask(front.port("admin"), "/admin/account/login/"),
        "the panel's refusal": ask(front.socket("customer"), "/admin/"),
        "nginx's crossing": ask(front.port("customer"), "/admin/"),
        "nginx's hidden page": ask(front.port("admin"), "/metrics"),
        "nginx's chooser": ask(front.front.unified, "/"),
        "another host": ask(front.port("admin"), "/", host="evil.test"),
        "nobody behind it": ask(echo.port("customer"), "/portal/"),
        "its style sheet": ask(front.port("admin"), "/_front/pages.css"),
    }
    for name, answer in answers.items():
        for header in _HARDENING:
            if name == "the panel's refusal" and header == "Permissions-Policy":
                continue
            assert len(answer.headers.get_all(header, [])) == 1, f"{name}: {header}"
        assert "nginx/" not in str(answer.headers)
        assert "style=" not in answer.text and "<script>" not in answer.text


def test_browsers_find_an_icon_where_no_page_names_one(front: Doors) -> None:
    for port in (front.front.unified, front.port("admin"), front.port("customer")):
        answer = ask(port, "/favicon.ico")
        assert answer.status == 301
        assert ask(port, urlsplit(answer["Location"]).path)["Content-Type"] == "image/svg+xml"


# Limits


def test_too_much_too_long_and_too_many_is_refused(echo: Doors, tmp_path: Path) -> None:
    port = echo.port("admin")
    assert ask(port, "/x", "POST", body=b"x" * 1024).status == 200
    assert ask(port, "/x", "POST", headers={"Content-Length": str(5 * 1024 * 1024)}).status == 413
    too_long = ask(port, "/" + "x" * 40_000)
    assert too_long.status == 414
    with echoing(tmp_path, rate=1) as slow:
        answers = [ask(slow.port("admin"), f"/{number}").status for number in range(30)]
        assert answers[0] == 200
        assert answers.count(429) >= 10
        refused = ask(slow.port("admin"), "/api/v1/x")
        assert (refused.status, refused["Content-Type"]) == (429, "application/problem+json")


def test_a_client_that_falls_silent_is_let_go_before_the_panel_hears_of_it(echo: Doors) -> None:
    with socket.create_connection(("127.0.0.1", echo.port("admin"))) as client:
        client.settimeout(PATIENCE_S)
        client.sendall(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nabc")
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(4096):
                said += piece
    assert b"200 OK" not in said
    with socket.create_connection(("127.0.0.1", echo.port("admin"))) as client:
        client.settimeout(PATIENCE_S)
        client.sendall(b"GET /x HTTP/1.1\r\nHo")
        with contextlib.suppress(ConnectionResetError):
            assert b"200 OK" not in client.recv(4096)


def test_when_a_process_is_away_people_are_told_so(echo: Doors) -> None:
    page = ask(echo.port("customer"), "/portal/")
    assert page.status == 502
    assert "The panel is restarting" in page.text
    for path in ("/api/v1/services", "/v1/services"):
        answer = ask(echo.port("customer"), path)
        assert (answer.status, answer["Content-Type"]) == (502, "application/problem+json")
        assert json.loads(answer.text)["code"] == "restarting"
