"""The panel as people reach it: both web processes behind a real nginx, in development's or production's way."""

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from npanel.front import Front, render
from observability.certificates import ensure_self_signed
from scripts.run_front import nginx_command
from tests.live.commands import ROOT

NGINX = "/usr/sbin/nginx"
#: Generous: the machine may be busy with other tests.
PATIENCE_S = 120.0
_NOWHERE = "/nonexistent"


#: Below those that the kernel gives away, and each handed out once: its taker may not listen yet.
_FIRSTS = iter(range(20_000 + os.getpid() % 900 * 10, 32_000, 10))


def free_ports(count: int) -> int:
    """The first of so many (at most ten) free ports in a row."""
    for first in _FIRSTS:
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def __getitem__(self, name: str) -> str:
        return self.headers.get(name, "")


class _Connection(http.client.HTTPConnection):
    """To an address of ours, whatever the host is called."""

    def __init__(self, host: str, target: tuple[str, int] | str, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, timeout=PATIENCE_S)
        self.target, self.tls = target, tls

    def connect(self) -> None:
        if isinstance(self.target, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(self.target)
        else:
            self.sock = socket.create_connection(self.target, timeout=PATIENCE_S)
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.host)


def ask(
    target: int | str,
    path: str = "/",
    method: str = "GET",
    *,
    host: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask a port of 127.0.0.1 or a unix socket, sending exactly what is given here; redirects are not followed."""
    connection = _Connection(host, target if isinstance(target, str) else ("127.0.0.1", target), tls)
    try:
        port = f":{target}" if isinstance(target, int) else ""
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": host + port, **(headers or {})}
        if body is not None or method in ("POST", "PUT", "PATCH"):
            sent.setdefault("Content-Length", str(len(body or b"")))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@dataclass
class Doors:
    """A running front: its variables, the environment of the panel behind it, and how to ask."""

    front: Front
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def socket(self, interface: str) -> str:
        """The web process itself, without nginx."""
        return str(getattr(self.front, interface)).removeprefix("unix:")

    def port(self, interface: str, *, secure: bool = False) -> int:
        """The port of an interface."""
        return int(getattr(self.front, f"{interface}_http{'s' if secure else ''}"))

    def python(self, code: str, interface: str) -> str:
        """Run code in a process of an interface, with Django loaded; gives what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=self.environment | {"NPANEL_INTERFACE": interface},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def test(self) -> str:
        """What `nginx -t` says of its file."""
        argv = [NGINX, "-t", "-e", "stderr", "-c", str(self.folder / "nginx.conf")]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stderr


@contextlib.contextmanager
def nginx(front: Front, folder: Path, environment: dict[str, str] | None = None) -> Iterator[Doors]:
    """An nginx of our own on the rendered file, until the end of the block."""
    doors = Doors(front, folder, environment or {})
    for name in (front.run, front.logs):
        Path(name).mkdir(parents=True, exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(render(front))
    with (folder / "nginx.out").open("ab") as out:
        process = subprocess.Popen(nginx_command(NGINX, front, file), cwd=ROOT, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _listens(front.probes):
            assert process.poll() is None, (folder / "nginx.out").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield doors
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def variables(folder: Path, **values: object) -> Front:
    """A front of the tests' own: six free ports, everything below ``folder``, many requests allowed."""
    first = free_ports(6)
    tls = folder / "tls"
    ours: dict[str, object] = {
        "hosts": ("127.0.0.1", "localhost", "[::1]"), "unified": first,
        "customer_http": first + 1, "customer_https": first + 2, "admin_http": first + 3, "admin_https": first + 4,
        "probes": first + 5, "workers": "1", "rate": 5000, "connections": 1000,
        "admin": f"unix:{folder / 'run' / 'web' / 'admin.sock'}",
        "customer": f"unix:{folder / 'run' / 'web' / 'customer.sock'}",
        "certificate": str(tls / "panel.crt"), "key": str(tls / "panel.key"),
        "run": str(folder / "run" / "front"), "logs": str(folder / "log"),
        "user": "root root" if os.geteuid() == 0 else "",
    }  # fmt: skip
    return Front(**(ours | values))  # type: ignore[arg-type]


@contextlib.contextmanager
def panel_behind(front: Front, folder: Path, environment: Mapping[str, str]) -> Iterator[Doors]:
    """Both web processes of a panel that has its database and keys, and nginx in front of them.

    Args:
        folder: the panel's own (``NPANEL_VAR_DIR``). environment: of its commands, for instance ``Panel.environment``.
    """
    (folder / "run" / "web").mkdir(parents=True, exist_ok=True)
    if not front.production:
        ensure_self_signed(Path(front.certificate), Path(front.key))
    ours = dict(environment) | {"NPANEL_TRUSTED_PROXIES": "unix", "NPANEL_WEB_PROCESSES": "1"}
    if not front.production:
        for name, port in (("ADMIN", front.admin_http), ("PORTAL", front.customer_http)):
            ours.setdefault(f"NPANEL_{name}_URL", f"http://127.0.0.1:{port}")
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(_web(interface, folder, ours | {"NPANEL_BIND": getattr(front, interface)}))
            for interface in ("admin", "customer")
        ]
        doors = stack.enter_context(nginx(front, folder, ours))
        _wait_for(doors, started)
        yield doors


@contextlib.contextmanager
def _web(interface: str, folder: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """gunicorn as production starts it, without the worker's keys."""
    names = {"NPANEL_INTERFACE": interface, "NPANEL_LOG_FILE": str(folder / "log" / f"{interface}.log")}
    keys = {"NPANEL_WORKER_PRIVATE_KEYS": f"{_NOWHERE}/worker.key", "NPANEL_QUEUE_KEY_FILE": f"{_NOWHERE}/queue.key"}
    argv = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    (folder / "log").mkdir(exist_ok=True)
    with (folder / "log" / f"{interface}.out").open("ab") as out:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment | names | keys, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(doors: Doors, started: "list[subprocess.Popen[bytes]]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    for path in ("/healthz", "/customer/healthz"):
        while ask(doors.front.probes, path).status != 200:
            assert all(process.poll() is None for process in started), "a web process ended: see its .out file"
            assert time.monotonic() < deadline, f"no answer to {path}"
            time.sleep(0.1)


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a panel below ``folder``, on SQLite."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NPANEL_", "PROMETHEUS_"))}
    url = f"sqlite://{folder / 'npanel.sqlite3'}"
    return kept | {"NPANEL_VAR_DIR": str(folder), "NPANEL_DATABASE_URL": url, "NPANEL_INTERFACE": "command", **more}


def prepare(environment: dict[str, str]) -> None:
    """Make a panel's database and keys."""
    for argv in (["migrate", "--verbosity=0"], ["worker_key", "--init"]):
        subprocess.run([sys.executable, "manage.py", *argv], cwd=ROOT, env=environment, check=True, capture_output=True)


def trusting_nobody() -> ssl.SSLContext:
    """A client that takes any certificate: development's is signed by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
