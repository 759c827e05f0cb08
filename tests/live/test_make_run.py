"""`make run` as a person meets it: from nothing to a hosted page, a second time, stopped, killed, without root."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.lab.fixtures import lab, lent
from tests.lab.nodes import Lab, Node
from tests.live.front import ask, free_ports, trusting_nobody

__all__ = ["lab"]

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "demo.test"
READY = "Ready after"
PATIENCE_S = 600.0
pytestmark = [pytest.mark.lab, pytest.mark.slow]


@dataclass
class Place:
    """Where a run under test keeps its data, listens and finds its node (None: it gets no node)."""

    var: Path
    port: int
    node: Node | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def addresses(self) -> list[str]:
        """The five that it prints."""
        paths = ("/portal/", "/portal/", "/admin/", "/admin/")
        doors = [
            f"{'https' if number % 2 else 'http'}://127.0.0.1:{self.port + 1 + number}{path}"
            for number, path in enumerate(paths)
        ]
        return [f"{self.url}/", *doors]

    def argv(self, *more: str, python: str = sys.executable) -> list[str]:
        number = str(self.node.number) if self.node else "0"
        return [python, "scripts/run.py", "--var", str(self.var), "--port", str(self.port), "--node", number, *more]

    def manage(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**clean_environment(), "NPANEL_VAR_DIR": str(self.var)}
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=environment, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def processes(self) -> list[int]:
        """Pids of everything that runs for this panel: each has its folder in its environment or command line."""
        mark = str(self.var).encode()
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                seen = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
                if folder.name.isdigit() and mark in seen:
                    found.append(int(folder.name))
        return [pid for pid in found if pid != os.getpid()]


def clean_environment() -> dict[str, str]:
    """Ours without NPANEL_*: what a test layer sets for itself is not for the panel under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NPANEL_")}


def to_its_end(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)


class Session:
    """A run in the background, with what it has printed."""

    def __init__(self, argv: list[str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            argv, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.text:
            assert self.process.poll() is None, f"it ended before {words!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {words!r} in:\n{self.text}"
            time.sleep(0.1)

    def stop(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        status = self.process.wait(timeout=PATIENCE_S)
        self._reader.join(timeout=10)
        return status


@pytest.fixture
def running() -> Iterator[Callable[[list[str]], Session]]:
    """A function that starts a run in the background; what a failed test leaves is stopped."""
    sessions: list[Session] = []

    def start(argv: list[str]) -> Session:
        sessions.append(Session(argv))
        return sessions[-1]

    yield start
    for session in sessions:
        if session.process.poll() is None:
            session.stop(signal.SIGTERM)


def free_port() -> int:
    """A free port that five free ones follow."""
    return free_ports(6)


@pytest.fixture(scope="module")
def place(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder, a port and a lab node for this module; the tests use what the ones before them left."""
    with lent(lab, prefer=-1) as node:
        yield Place(tmp_path_factory.mktemp("run") / "var", free_port(), node)


@pytest.fixture(scope="module")
def first_run(place: Place) -> str:
    """What the very first run prints; it starts everything, asks everything and stops."""
    done = to_its_end(place.argv("--check"))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def visit(place: Place) -> str:
    assert place.node
    answer = requests.get(f"http://{place.node.address}/", headers={"Host": DOMAIN}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


def sentence_of(page: str) -> str:
    found = re.search(r"This sentence was written into MariaDB on [^<]+ UTC\.", page)
    assert found, page
    return found[0]


def visits_of(page: str) -> int:
    found = re.search(r'id="visits">(\d+)<', page)
    assert found, page
    return int(found[1])


def sign_in(url: str, email: str, password: str) -> requests.Response:
    """Sign in as a browser does and give the page that follows."""
    with requests.Session() as browser:
        page = browser.get(f"{url}/admin/account/login/", timeout=30)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text
        data = {"csrfmiddlewaretoken": token[1], "login": email, "password": password, "next": "/admin/"}
        return browser.post(f"{url}/admin/account/login/", data=data, headers={"Referer": url}, timeout=30)


def test_the_first_run_hosts_a_page_and_says_how_to_get_there(place: Place, first_run: str) -> None:
    assert place.node
    assert READY in first_run
    for address in place.addresses():
        assert address in first_run
    assert f"curl -H 'Host: {DOMAIN}' http://{place.node.address}/" in first_run
    assert f"dig @{place.node.address} {DOMAIN}" in first_run
    for person in ("admin@localhost", "customer@localhost"):
        assert re.search(rf"password of {person}: \S{{20}}", first_run)
    assert len(re.findall(r"^  password +(\S{20}) ", first_run, re.MULTILINE)) == 2
    assert re.search(r"^done .*bootstrapped over SSH +[0-9.]+ s$", first_run, re.MULTILINE)
    assert place.processes() == []


def test_a_second_run_reuses_everything_and_ctrl_c_leaves_nothing(
    place: Place, first_run: str, running: Callable[[list[str]], Session]
) -> None:
    assert place.node
    session = running(place.argv())
    session.wait_for("Ctrl-C stops everything")
    for step in (
        "operator",
        "hosting plan",
        "customer@localhost",
        "host key pinned",
        "bootstrapped",
        f"service {DOMAIN}",
    ):
        assert re.search(rf"^kept .*{step}", session.text, re.MULTILINE), session.text
    assert session.text.count("unchanged; reset it with:") == 2

    statuses = [
        ask(place.port + offset, path, tls=trusting_nobody() if offset in (2, 4) else None).status
        for offset in range(6)
        for path in ("/healthz", "/admin/account/login/", "/admin/x/")
    ]
    both, customer, admin, probes = [200, 200, 302], [200, 403, 403], [200, 200, 302], [200, 404, 404]
    assert statuses == [*both, *customer, *customer, *admin, *admin, *probes]
    metrics = ask(place.port + 5, "/metrics").text
    assert "npanel_operations_pending" in metrics and "django_http_requests" in metrics

    before, after = visit(place), visit(place)
    assert sentence_of(before) == sentence_of(first_run)
    assert visits_of(after) == visits_of(before) + 1
    dig = ["dig", "+short", f"@{place.node.address}", DOMAIN]
    assert subprocess.run(dig, capture_output=True, text=True, check=True).stdout.split() == [place.node.address]
    config = requests.get(f"http://{place.node.address}/config.php", headers={"Host": DOMAIN}, timeout=30)
    assert config.text == ""

    assert session.stop(signal.SIGINT) == 0
    assert place.processes() == []
    assert not place.node.running
    for offset in range(6):
        with pytest.raises(ConnectionRefusedError):
            ask(place.port + offset, "/healthz")


def test_a_reset_password_opens_the_console(
    place: Place, first_run: str, running: Callable[[list[str]], Session]
) -> None:
    session = running(place.argv())
    session.wait_for("Ctrl-C stops everything")
    done = place.manage("operator_password", "admin@localhost", "--password-stdin", given="a horse, a stable\n")
    assert done.returncode == 0, done.stderr
    assert 'name="password"' in sign_in(place.url, "admin@localhost", "some other password").text
    inside = sign_in(place.url, "admin@localhost", "a horse, a stable")
    assert inside.url == f"{place.url}/admin/"
    assert 'name="password"' not in inside.text
    refused = place.manage("operator_password", "admin@localhost", "--password-stdin", given="password\n")
    assert refused.returncode == 1
    assert "too short" in refused.stderr
    assert session.stop(signal.SIGTERM) == 0


def test_web_processes_are_not_told_where_keys_are(
    place: Place, first_run: str, running: Callable[[list[str]], Session]
) -> None:
    session = running(place.argv())
    session.wait_for("Ctrl-C stops everything")
    for name in ("admin", "portal"):
        web = (place.var / "run" / f"{name}.pid").read_text().strip()
        environment = (Path("/proc") / web / "environ").read_bytes().decode()
        paths = dict(entry.split("=", 1) for entry in environment.split("\0") if entry.startswith("NPANEL_"))
        assert not Path(paths["NPANEL_WORKER_PRIVATE_KEYS"]).exists()
        assert not Path(paths["NPANEL_QUEUE_KEY_FILE"]).exists()
    if "the web processes run as nobody" in session.text:
        for key in ("worker.key", "queue.key"):
            argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "cat"]
            read = subprocess.run([*argv, str(place.var / "keys" / key)], capture_output=True, check=False)
            assert read.returncode == 1
    else:
        assert "the web processes are root's, as the worker:" in session.text
    assert session.stop(signal.SIGTERM) == 0


def test_a_second_instance_and_a_taken_port_are_refused(
    place: Place, first_run: str, running: Callable[[list[str]], Session], tmp_path: Path
) -> None:
    session = running(place.argv())
    session.wait_for("web processes and worker at")
    again = to_its_end(place.argv("--check"))
    assert again.returncode == 1
    assert f"(pid {session.process.pid})" in again.stdout
    for port in (place.port, place.port - 3):  # the first port itself, and one whose followers meet it
        taken = to_its_end(Place(tmp_path / f"var{port}", port).argv("--check"))
        assert taken.returncode == 1
        assert f"Port {place.port} of 127.0.0.1 is in use by" in taken.stdout
        assert "NPANEL_RUN_PORT=" in taken.stdout
    session.wait_for(READY)
    assert session.stop(signal.SIGTERM) == 0
    assert place.processes() == []


def test_what_a_killed_run_leaves_is_ended_by_the_next(
    place: Place, first_run: str, running: Callable[[list[str]], Session]
) -> None:
    killed = running(place.argv())
    killed.wait_for(READY)
    worker = int((place.var / "run" / "worker.pid").read_text())
    os.kill(killed.process.pid, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    killed.process.wait()
    assert place.processes() != []
    session = running(place.argv())
    session.wait_for("Ctrl-C stops everything")
    assert "ending what an earlier run left:" in session.text  # the worker's own processes end with it
    assert session.stop(signal.SIGINT) == 0
    assert place.processes() == []


@pytest.mark.parametrize("server", ["admin", "portal", "front"])
def test_a_server_that_ends_by_itself_ends_the_run_and_is_named(
    place: Place, first_run: str, running: Callable[[list[str]], Session], server: str
) -> None:
    session = running(place.argv())
    session.wait_for("Ctrl-C stops everything")
    os.kill(int((place.var / "run" / f"{server}.pid").read_text()), signal.SIGKILL)
    assert session.process.wait(timeout=PATIENCE_S) == 1
    session.stop(signal.SIGTERM)
    assert f"The {server} process ended by itself (exit status -9)." in session.text
    assert place.processes() == []


def test_stopped_half_way_it_leaves_nothing_and_another_panels_node_is_left_alone(
    place: Place, first_run: str, running: Callable[[list[str]], Session], tmp_path: Path
) -> None:
    assert place.node
    begun = Place(tmp_path / "var", free_port(), place.node)
    session = running(begun.argv())
    session.wait_for("hosting plan")
    assert session.stop(signal.SIGINT) == 0
    assert begun.processes() == []
    assert not place.node.running
    assert re.search(r"password of admin@localhost: \S{20}", session.text), "made, so it must have been shown"

    gone_on = to_its_end(begun.argv("--check"))
    assert gone_on.returncode == 1, gone_on.stdout
    assert re.search(r"^kept .*operator admin@localhost", gone_on.stdout, re.MULTILINE)
    assert f"Lab node {place.node.number} belongs to another panel" in gone_on.stdout


def test_a_lost_server_is_made_again_from_what_is_wanted(place: Place, first_run: str) -> None:
    assert place.node
    place.node.down()
    done = to_its_end(place.argv("--check"))
    assert done.returncode == 0, done.stdout
    assert "node lab" in done.stdout and "a new server, its host key pinned again" in done.stdout
    assert sentence_of(done.stdout) != sentence_of(first_run)


def test_without_root_the_panel_starts_and_says_what_is_missing() -> None:
    """As nobody, with an interpreter that nobody can reach: the system's, with this environment's packages."""
    packages = Path(requests.__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="npanel-nobody-") as folder:
        home = Path(folder)
        python = ["/usr/bin/python3", "-m", "venv", "--without-pip", str(home / "venv")]
        subprocess.run(python, check=True)
        (next((home / "venv" / "lib").iterdir()) / "site-packages" / "packages.pth").write_text(f"{packages}\n")
        (home / "data").mkdir()
        home.chmod(0o755)
        shutil.chown(home / "data", "nobody", "nogroup")
        place = Place(home / "data" / "var", free_port())
        as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        argv = place.argv("--check", python=str(home / "venv" / "bin" / "python"))
        argv[argv.index("--node") + 1] = "1"
        done = to_its_end([*as_nobody, *argv])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "skip  the lab node, its bootstrap and the demo site need root" in done.stdout
        assert all(address in done.stdout for address in place.addresses())
        assert place.processes() == []
