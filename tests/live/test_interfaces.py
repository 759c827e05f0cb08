"""The interfaces behind the nginx that production uses: who answers where, and what does not get across."""

import json
import re
import secrets
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.resolvers import RoutePattern

from npanel.crossing import other_interface
from npanel.front import Front, addresses, render
from npanel.interfaces import interface_settings
from tests.certificates import PEM, Authority
from tests.live.commands import ROOT
from tests.live.front import PATIENCE_S, Doors, ask, environment_of, panel_behind, prepare, trusting_nobody, variables
from tests.live.panel import Account, Panel

pytestmark = pytest.mark.slow
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OTHER = {"admin": "customer", "customer": "admin"}
HOST = "panel.example.test"
#: The page of the operators' interface that everybody may see.
SIGN_IN = reverse(interface_settings("admin")["LOGIN_URL"], urlconf="npanel.urls_admin")
_SAMPLES = {"int": "1", "uuid": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "path": "a/b", "str": "x", "slug": "x"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A visitor who trusts the tests' authority and checks host names."""
    root = tmp_path_factory.mktemp("authority") / "root.pem"
    root.write_bytes(authority.root.public_bytes(PEM))
    return ssl.create_default_context(cafile=str(root))


@pytest.fixture(scope="module")
def production(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The same in production, with a certificate of an authority."""
    folder = tmp_path_factory.mktemp("production")
    files = authority.issue(folder / "tls", HOST)
    secret = {"NPANEL_SECRET_KEY": secrets.token_urlsafe(50)}
    environment = environment_of(folder, NPANEL_ENVIRONMENT="production", NPANEL_ALLOWED_HOSTS=HOST, **secret)
    prepare(environment)
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
    subprocess.run(collect, cwd=ROOT, env=environment, check=True)
    ours = variables(
        folder, environment="production", hosts=(HOST,), static=str(folder / "static"),
        certificate=str(files.certificate), key=str(files.key),
    )  # fmt: skip
    with panel_behind(ours, folder, environment) as doors:
        yield doors


# Crossing


def paths_of(interface: str) -> dict[str, str]:
    """Every route of an interface with a path that fits it."""
    urlconf = {"admin": "npanel.urls_admin", "customer": "npanel.urls_portal"}[interface]
    return dict(_walk(get_resolver(urlconf).url_patterns))


def _walk(patterns: list[Any], route: str = "", path: str = "/") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        own, sample = str(pattern.pattern), _sample(pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route + own, path + sample)
        elif isinstance(pattern, URLPattern) and pattern.callback is not other_interface:
            yield route + own, path + sample


def _sample(pattern: Any) -> str:
    text = str(pattern.pattern)
    if isinstance(pattern.pattern, RoutePattern):
        return re.sub(r"<(?:(\w+):)?\w+>", lambda match: _SAMPLES.get(match[1] or "str", "x"), text)
    return re.sub(r"\(\?P<\w+>[^)]*\)", "x", text).strip("^$").replace("\\Z", "").replace("\\", "")


def test_every_address_of_the_other_interface_is_403_whatever_the_method(front: Doors) -> None:
    asked = 0
    for interface, other in OTHER.items():
        theirs = {route: path for route, path in paths_of(other).items() if route not in paths_of(interface)}
        for path in {*theirs.values(), "/admin/" if interface == "customer" else "/portal/"}:
            for method in METHODS:
                answer = ask(front.port(interface), path, method)
                assert answer.status == 403, f"{method} {path} on the {interface} port: {answer.status}"
                asked += 1
            # And without nginx: the process itself does not have it either.
            for method in ("GET", "POST", "DELETE"):
                answer = ask(front.socket(interface), path, method)
                assert answer.status == 403, f"{method} {path} of the {interface} process: {answer.status}"
    assert asked > 100


@pytest.mark.parametrize("path", ["/admin", "/%61dmin/", "/x/../admin/", "/./admin/login/", "//admin/"])
def test_no_spelling_of_it_gets_through(front: Doors, path: str) -> None:
    assert ask(front.port("customer"), path).status == 403


def test_both_know_the_api_and_each_its_own_start(front: Doors) -> None:
    for interface in OTHER:
        assert ask(front.port(interface), "/healthz").text == "ok\n"
        assert ask(front.port(interface), "/api/v1/").status != 403
    assert ask(front.port("admin"), "/admin/").status == 302
    assert ask(front.port("admin"), "/")["Location"].startswith("/admin/")


# Cookies and forms


def session_of(front: Doors, interface: str) -> str:
    """The session key of an administrator, signed in by a process of this interface."""
    code = (
        "from django.conf import settings; from django.test import Client; from accounts.models import User\n"
        f"user = User.objects.filter(email='{interface}@panel.test').first() or User.objects.create_user("
        f"'{interface}@panel.test', 'a horse, a stable', role='admin', is_superuser=True)\n"
        "client = Client(); client.force_login(user)\n"
        "print(client.cookies[settings.SESSION_COOKIE_NAME].value)"
    )
    return front.python(code, interface)


def seen(front: Doors, interface: str, path: str, cookies: str) -> tuple[int, str]:
    answer = ask(front.port(interface), path, headers={"Cookie": cookies})
    return answer.status, answer["Location"]


def test_a_session_of_one_interface_is_nothing_on_the_other(front: Doors) -> None:
    ours, theirs = session_of(front, "admin"), session_of(front, "customer")
    assert seen(front, "admin", "/admin/", f"npanel_admin_session={ours}")[0] == 200
    anonymous = seen(front, "admin", "/admin/", "")
    assert anonymous[0] == 302
    assert seen(front, "admin", "/admin/", f"npanel_portal_session={theirs}") == anonymous
    # The database has both: what keeps the other out under the right name, too, is the signing key.
    assert seen(front, "admin", "/admin/", f"npanel_admin_session={theirs}") == anonymous
    nobody = seen(front, "customer", "/", "")
    for name in ("npanel_admin_session", "npanel_portal_session"):
        assert seen(front, "customer", "/", f"{name}={session_of(front, 'admin')}") == nobody


def post_from(front: Doors, origin: dict[str, str], *, secure: bool = False) -> tuple[int, int]:
    """Sign out with a good session and token, from a page of somewhere; gives its status and the console's after it."""
    token, session = secrets.token_hex(16), session_of(front, "admin")
    cookies = {"Cookie": f"npanel_admin_session={session}; npanel_admin_csrf={token}"}
    port, context = front.port("admin", secure=secure), trusting_nobody() if secure else None
    sent = {**cookies, "X-CSRFToken": token, **origin}
    posted = ask(port, "/admin/logout/", "POST", headers=sent, tls=context)
    return posted.status, ask(port, "/admin/", headers=cookies, tls=context).status


def test_a_form_on_a_sibling_port_is_a_foreign_form(front: Doors) -> None:
    for port in (front.port("customer"), front.port("customer", secure=True), front.front.unified):
        for scheme in ("http", "https"):
            assert post_from(front, {"Origin": f"{scheme}://127.0.0.1:{port}"}) == (403, 200)
    sibling = f"https://127.0.0.1:{front.port('customer', secure=True)}/portal/"
    assert post_from(front, {"Referer": sibling}, secure=True) == (403, 200)
    assert post_from(front, {"Origin": "null"}) == (403, 200)
    own = f"http://127.0.0.1:{front.port('admin')}"
    assert post_from(front, {"Origin": own}) != (403, 200)
    secure = f"https://127.0.0.1:{front.port('admin', secure=True)}"
    assert post_from(front, {"Origin": secure}, secure=True) != (403, 200)


# The unified port


def test_the_unified_port_leads_to_both(front: Doors) -> None:
    port = front.front.unified
    chooser = ask(port, "/")
    assert chooser.status == 200
    assert 'href="/portal/"' in chooser.text and 'href="/admin/"' in chooser.text
    console = ask(port, "/admin/")
    assert console.status == 302
    assert "npanel_door=admin" in console["Set-Cookie"]
    assert "npanel_door=customer" in ask(port, "/portal/")["Set-Cookie"]
    assert "npanel_door" not in ask(front.port("admin"), "/admin/")["Set-Cookie"]


# Headers


def test_the_panel_believes_nginx_and_no_client(front: Doors) -> None:
    path = f"/admin/nowhere-{secrets.token_hex(4)}/"
    ask(front.port("admin"), path, headers={"X-Forwarded-For": "203.0.113.9"})
    lines = (front.folder / "log" / "admin.log").read_text().splitlines()
    found = [line for line in lines if path in line]
    assert found
    assert not any("203.0.113.9" in line for line in found)
    assert any('"127.0.0.1"' in line for line in found)


# What is not for the public


def test_metrics_and_health_are_on_the_loopback_listener_only(front: Doors) -> None:
    assert "django_http_requests" in ask(front.front.probes, "/metrics").text
    assert ask(front.front.probes, "/health").status in (200, 503)
    assert ask(front.front.probes, "/admin/").status == 404
    for port in (front.port("admin"), front.port("customer"), front.front.unified):
        for path in ("/metrics", "/health", "/readyz", "/metrics/", "/%6detrics", "//metrics"):
            assert ask(port, path).status == 404, path
    assert f"listen 127.0.0.1:{front.front.probes};" in (front.folder / "nginx.conf").read_text()


def test_metrics_count_both_processes(front: Doors) -> None:
    def counted() -> float:
        text = ask(front.front.probes, "/metrics").text
        name = "django_http_requests_total_by_view_transport_method_total"
        found = re.findall(rf'^{name}{{[^}}]*healthz"[^}}]*}} ([0-9.]+)', text, re.MULTILINE)
        return sum(map(float, found))

    before = counted()
    for interface, times in (("admin", 3), ("customer", 2)):
        for _ in range(times):
            assert ask(front.port(interface), "/healthz").status == 200
    assert counted() - before == 5
    services = {
        json.loads(line)["service"]
        for name in ("admin", "customer")
        for line in (front.folder / "log" / f"{name}.log").read_text().splitlines()
    }
    assert {"npanel-admin", "npanel-portal"} <= services


@pytest.mark.lab
def test_metrics_count_the_worker_as_well(panel: Panel, panel_front: Doors) -> None:
    def ended() -> float:
        text = ask(panel_front.front.probes, "/metrics").text
        found = re.findall(r"^npanel_hosting_operations_total{[^}]*} ([0-9.]+)", text, re.MULTILINE)
        return sum(map(float, found))

    before = ended()
    with panel.worker():
        panel.create(Account("metered", "metered.test"))
        assert ended() > before


def test_other_hosts_are_not_answered(front: Doors, production: Doors) -> None:
    for doors in (front, production):
        for interface in OTHER:
            assert ask(doors.port(interface, secure=True), "/", host="evil.test", tls=trusting_nobody()).status == 421
    assert ask(front.front.unified, "/", host="evil.test").status == 421
    for host in ("localhost", "[::1]"):
        assert ask(front.front.unified, "/", host=host).status == 200


# TLS and production


def test_production_sends_everybody_to_https(production: Doors, tls: ssl.SSLContext) -> None:
    for interface in OTHER:
        plain, secure = production.port(interface), production.port(interface, secure=True)
        for method in ("GET", "POST"):
            answer = ask(plain, "/a/b?c=d", method, host=HOST)
            assert (answer.status, answer["Location"]) == (308, f"https://{HOST}:{secure}/a/b?c=d")
        # A browser that was told HSTS comes to the plain port with TLS, too.
        answer = ask(plain, "/a", host=HOST, tls=tls)
        assert (answer.status, answer["Location"]) == (308, f"https://{HOST}:{secure}/a")
        assert ask(secure, "/healthz", host=HOST, tls=tls).text == "ok\n"
        wrong = ask(secure, "/a", host=HOST)
        assert (wrong.status, wrong["Location"]) == (308, f"https://{HOST}:{secure}/a")
    with pytest.raises(ConnectionRefusedError):
        ask(production.front.unified, "/", host=HOST)


def test_production_pages_and_refusals_carry_hsts_once(production: Doors, tls: ssl.SSLContext) -> None:
    for interface, path, status in (
        ("admin", SIGN_IN, 200),
        ("admin", "/portal/", 403),
        ("customer", "/admin/", 403),
        ("customer", "/metrics", 404),
    ):
        answer = ask(production.port(interface, secure=True), path, host=HOST, tls=tls)
        assert answer.status == status, f"{path}: {answer.text[:300]}"
        assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000; includeSubDomains; preload"]
    answer = ask(production.port("admin", secure=True), SIGN_IN, host=HOST, tls=tls)
    assert "Secure" in answer["Set-Cookie"] and "HttpOnly" in answer["Set-Cookie"]


def test_production_serves_collected_files_from_nginx(production: Doors, tls: ssl.SSLContext) -> None:
    port = production.port("admin", secure=True)
    page = ask(port, SIGN_IN, host=HOST, tls=tls)
    found = re.search(r'"(/static/[^"]+\.css)"', page.text)
    assert found, page.text[:1000]
    sheet = ask(port, found[1], host=HOST, tls=tls)
    assert (sheet.status, sheet["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert sheet["X-Trace-Id"] == "", "the web process was asked"
    assert "max-age=31536000" in sheet["Cache-Control"]
    assert ask(port, "/static/../nginx.conf", host=HOST, tls=tls).status in (400, 404)
    assert ask(port, "/static../nginx.conf", host=HOST, tls=tls).status == 404


@pytest.mark.parametrize(
    ("version", "works"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_not_spoken(production: Doors, version: ssl.TLSVersion, works: bool) -> None:
    context = trusting_nobody()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", production.port("admin", secure=True))) as plain:
        if not works:
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                context.wrap_socket(plain, server_hostname=HOST)
            return
        with context.wrap_socket(plain, server_hostname=HOST) as secure:
            assert secure.selected_alpn_protocol() == "h2"


def test_the_file_has_nothing_to_complain_about(front: Doors, production: Doors) -> None:
    for doors in (front, production):
        said = doors.test()
        assert "test is successful" in said
        assert "warn" not in said and "emerg" not in said, said


def test_nor_on_every_address_of_both_protocols(production: Doors, tmp_path: Path) -> None:
    everywhere = replace(production.front, listen=tuple(addresses(everywhere=True)), run=str(tmp_path))
    (tmp_path / "nginx.conf").write_text(render(everywhere))
    said = replace(production, front=everywhere, folder=tmp_path).test()
    assert "test is successful" in said
    assert "warn" not in said and "emerg" not in said, said


def test_production_does_not_start_with_a_self_signed_certificate(authority: Authority, tmp_path: Path) -> None:
    authority.issue(tmp_path / "tls", HOST, self_signed=True)
    secret = {"NPANEL_SECRET_KEY": secrets.token_urlsafe(50), "NPANEL_BIND": f"unix:{tmp_path}/a.sock"}
    environment = environment_of(tmp_path, NPANEL_ENVIRONMENT="production", NPANEL_ALLOWED_HOSTS=HOST, **secret)
    for interface in OTHER:
        argv = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        started = subprocess.run(
            argv, cwd=ROOT, env=environment | {"NPANEL_INTERFACE": interface},
            capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert started.returncode != 0
        assert "The panel does not start with its certificate" in started.stderr
        assert "It is self-signed" in started.stderr
        assert "Traceback" not in started.stderr


def test_the_command_renders_the_same_file(front: Doors) -> None:
    names = ("environment", "hosts", "listen", "pages")
    values = {name: getattr(front.front, name) for name in Front.__dataclass_fields__ if name not in names}
    given = [f"{name}={value}" for name, value in values.items()]
    argv = [sys.executable, "manage.py", "panel_nginx", "hosts=127.0.0.1,localhost,[::1]", "listen=127.0.0.1", *given]
    done = subprocess.run(argv, cwd=ROOT, env=front.environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (front.folder / "nginx.conf").read_text().strip()
