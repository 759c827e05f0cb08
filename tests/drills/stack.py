"""Started once for all drills: MariaDB, console, portal, worker, lab node, Prometheus, Alertmanager."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import mariadb
from tests.certificates import Authority
from tests.drills.monitoring import Monitoring, check_files
from tests.drills.shell import Shell
from tests.drills.units import Units
from tests.lab.fixtures import lent
from tests.lab.nodes import Lab, Node
from tests.live.commands import ROOT
from tests.live.front import free_ports
from tests.live.rows import Rows

NODE = "web1"
SERVICE, DOMAIN = "shop", "shop.test"
PATIENCE_S = 120.0
#: The file system that the disk check watches.
DISK_MB = 256
MEMORY_MB = 2048
CONNECTIONS = 200
_MEMORY = Path("/sys/fs/cgroup/memory")


class Stack:
    """A panel with everything that watches it.

    Args:
        say: shows a line of progress. watched: whether Prometheus and Alertmanager are part of it.
    """

    def __init__(self, say: Callable[[str], None] = print, *, watched: bool = True) -> None:
        self.watched = watched
        self.folder = Path(tempfile.mkdtemp(prefix="npanel-drill-"))
        self.folder.chmod(0o755)
        self.say = say
        first = free_ports(8)
        names = ("admin", "portal", "database", "resolver", "prometheus", "alertmanager")
        self.ports = {name: first + number for number, name in enumerate(names)}
        self.var = self.folder / "var"
        self.units = Units(self.folder / f"units{os.getpid()}")
        self.memory = _MEMORY / f"npanel-drill-{os.getpid()}"
        self._lent = contextlib.ExitStack()
        self.password, self.email = secrets.token_urlsafe(18), "oncall@panel.test"
        self.token = secrets.token_urlsafe(24)
        self.admin = f"http://127.0.0.1:{self.ports['admin']}"
        self.authority = Authority()
        pair = (self.ports["prometheus"], self.ports["alertmanager"])
        self.monitoring = Monitoring(self.folder, pair, f"127.0.0.1:{self.ports['admin']}")
        self.environment: dict[str, str] = {}

    # Start and end

    def up(self) -> "Stack":
        """Start everything, in order."""
        self._mount()
        for name, step in (
            ("database", self._database), ("panel", self._panel), ("node", self._node), ("facts", self._facts),
            *([("monitoring", self._monitoring)] if self.watched else []),
        ):  # fmt: skip
            began = time.monotonic()
            step()
            self.say(f"{name} is up after {time.monotonic() - began:.1f} s")
        return self

    def down(self) -> None:
        """Stop everything; nothing is left."""
        self.units.remove()
        self._lent.close()
        subprocess.run(["umount", "--lazy", str(self.var)], check=False, capture_output=True)
        for _ in range(50):
            if not self.memory.is_dir() or not _removed(self.memory):
                break
            time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mount(self) -> None:
        self.var.mkdir()
        options = f"size={DISK_MB}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "npanel-drill", str(self.var)], check=True)
        for name in ("log", "keys", "tls", "metrics"):
            (self.var / name).mkdir()
        self.memory.mkdir(exist_ok=True)
        (self.memory / "memory.limit_in_bytes").write_text(str(MEMORY_MB * 1024**2))

    def _database(self) -> None:
        base = self.folder / "mariadb"
        base.mkdir(mode=0o755)
        data = mariadb._install(base)
        password = secrets.token_urlsafe(18)
        init = mariadb._write_init_file(base, password)
        account, port = mariadb._account(), self.ports["database"]
        dropped = [shutil.which("setpriv") or "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}",
                   "--clear-groups"] if account else []  # fmt: skip
        argv = [
            *dropped, mariadb._program("mariadbd"), "--no-defaults", f"--datadir={data}",
            f"--socket={base / 'socket'}", f"--pid-file={base / 'pid'}", f"--tmpdir={base}", f"--init-file={init}",
            f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve", "--character-set-server=utf8mb4",
            f"--max-connections={CONNECTIONS}", *mariadb.FAST_AND_FORGETFUL,
        ]  # fmt: skip
        self.units.add("mariadb", argv, _kept(), base, address=("127.0.0.1", port))
        self.environment = self._environment(f"mysql://npanel:{password}@127.0.0.1:{port}/npanel")
        self.systemctl("start", "mariadb")

    def _environment(self, url: str) -> dict[str, str]:
        tls = self.authority.issue(self.var / "tls", "localhost", "127.0.0.1")
        return {
            "NPANEL_ENVIRONMENT": "development",
            "NPANEL_VAR_DIR": str(self.var),
            "NPANEL_DATABASE_URL": url,
            "NPANEL_ALLOWED_HOSTS": "localhost,127.0.0.1",
            "NPANEL_ADMIN_URL": self.admin,
            "NPANEL_PORTAL_URL": f"http://127.0.0.1:{self.ports['portal']}",
            "NPANEL_TLS_CERTIFICATE": str(tls.certificate),
            "NPANEL_TLS_KEY": str(tls.key),
            "NPANEL_HEALTH_DISK_PATHS": str(self.var),
            "NPANEL_HEALTH_MEMORY_CGROUP": str(self.memory),
            "NPANEL_HEALTH_RESOLVERS": f"127.0.0.1#{self.ports['resolver']}",
            "NPANEL_ALERT_TOKEN": self.token,
            "NPANEL_PROBES": self.admin,
            "NPANEL_AUDIT_SEALER": "process",
        }

    def _panel(self) -> None:
        self._write_programs()
        self.manage("migrate", "--verbosity=0")
        self.manage("worker_key", "--init")
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        for unit, interface in (("npanel-admin", "admin"), ("npanel-portal", "customer")):
            port = self.ports["admin" if interface == "admin" else "portal"]
            more = {"NPANEL_INTERFACE": interface, "NPANEL_BIND": f"127.0.0.1:{port}", "NPANEL_WEB_PROCESSES": "1"}
            self._add(unit, gunicorn, more, address=("127.0.0.1", port))
        worker = {"NPANEL_INTERFACE": "worker", "NPANEL_WORKERS": "2"}
        self._add("npanel-worker", [sys.executable, "manage.py", "worker"], worker, cgroups=[str(self.memory)])
        self._add("npanel-sealer", [sys.executable, "manage.py", "audit_seal", "--follow"], {})
        self._add("unbound", [sys.executable, "-m", "tests.drills.resolver", str(self.ports["resolver"])], {})
        self.systemctl("start", "unbound", "npanel-sealer", "npanel-admin", "npanel-portal")

    def _add(self, name: str, argv: list[str], more: dict[str, str], **options: Any) -> None:
        self.units.add(name, argv, _kept() | self.environment | more, ROOT, **options)

    def _node(self) -> None:
        self.node: Node = self._lent.enter_context(lent(Lab(), prefer=3))
        known = self.folder / "known_hosts"
        known.write_text(f"{NODE} {self.node.host_key}\n{self.node.address} {self.node.host_key}\n")
        config = f"""Host {NODE}
  HostName {self.node.address}
  HostKeyAlias {NODE}
  User root
  IdentityFile {self.node.key_path}
  IdentitiesOnly yes
  BatchMode yes
  UserKnownHostsFile {known}
  StrictHostKeyChecking yes
  LogLevel ERROR
"""
        (self.folder / "ssh_config").write_text(config)
        address = self.node.address
        pinned = ("--host-key", self.node.host_key, "--identity", str(self.node.key_path), "--public-address", address)
        self.manage("node_add", NODE, address, *pinned)
        self.manage("node_bootstrap", NODE, "--yes")

    def _facts(self) -> None:
        self.manage("operator_create", self.email, "--password-stdin", given=f"{self.password}\n")
        self.manage("plan_create", "Basic", "--domains", "5", "--databases", "5")
        for name in (SERVICE, "gone"):
            where = ("--customer", f"Customer {name}", "--node", NODE, "--plan", "Basic", "--username", name)
            self.manage("service_create", f"{name}.test", *where, "--yes")
        self.systemctl("start", "npanel-worker")

    def _monitoring(self) -> None:
        watch = self.monitoring
        environment = _kept()
        for name, argv, port in (
            ("prometheus-alertmanager", watch.alertmanager_argv(self.token), self.ports["alertmanager"]),
            ("prometheus", watch.prometheus_argv(), self.ports["prometheus"]),
        ):
            self.units.add(name, argv, environment, self.folder, address=("127.0.0.1", port))
        check_files(watch)
        self.systemctl("start", "prometheus-alertmanager", "prometheus")
        self.wait(lambda: self.monitoring.scraped("npanel"), "the first scrape")
        self.wait(lambda: "QueueStalled" not in self.monitoring.firing(), "the worker's first sign of life")

    # Use

    def manage(self, *argv: str, given: str = "", expect: int = 0) -> str:
        """A command of the panel; gives its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *argv], cwd=ROOT, env=_kept() | self.environment, input=given, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == expect, f"{argv[0]} gave {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def begin(self, *argv: str) -> "subprocess.Popen[str]":
        """Start a command of the panel, and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *argv], cwd=ROOT, env=_kept() | self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def systemctl(self, *argv: str) -> None:
        """The stand-in, as the runbook calls it."""
        self._write_programs()
        subprocess.run([str(self.folder / "bin" / "systemctl"), *argv], check=True)

    @property
    def rows(self) -> Rows:
        """The panel's database, from outside."""
        return Rows(self.environment["NPANEL_DATABASE_URL"])

    def connect(self) -> Any:
        """A connection to the panel's database, as somebody has who may do anything there."""
        import MySQLdb

        password = self.environment["NPANEL_DATABASE_URL"].partition("npanel:")[2].partition("@")[0]
        return MySQLdb.connect(
            host="127.0.0.1", port=self.ports["database"], user="npanel", password=password, database="npanel"
        )

    def shell(self) -> Shell:
        """A shell on the panel's machine, as somebody finds it who has just signed in."""
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix="shell-"))
        path = f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        environment = _kept() | {
            "PATH": path, "NPANEL_HOME": str(ROOT), "NPANEL_ENV_FILE": str(self.folder / "panel.env"),
            "NEW": str(self.folder / "new-certificate"), "HOME": str(scratch),
        }  # fmt: skip
        return Shell(scratch, environment, lambda argv: self.node.enter(list(argv)), self.monitoring.query_argv)

    def wait(self, done: Callable[[], Any], what: str, seconds: float = PATIENCE_S, pause: float = 0.5) -> None:
        """Poll until ``done()`` is true.

        Raises:
            AssertionError: it is not, in time.
        """
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
            time.sleep(pause)

    def _write_programs(self) -> None:
        place = self.folder / "bin"
        place.mkdir(exist_ok=True)
        stand_in = f"{sys.executable} {Path(__file__).with_name('units.py')} {self.units.folder}"
        for name in ("systemctl", "journalctl"):
            _program(place / name, f'exec {stand_in} {name} "$@"')
        _program(place / "ssh", f'exec /usr/bin/ssh -F {self.folder / "ssh_config"} "$@"')
        lines = "".join(f"{name}='{value}'\n" for name, value in self.environment.items())
        (self.folder / "panel.env").write_text(lines)


def _program(path: Path, line: str) -> None:
    if not path.exists():
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)


def _kept() -> dict[str, str]:
    """The caller's environment without any other panel's."""
    left = ("NPANEL_", "PROMETHEUS_", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    return kept | {"PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return True
    return False
