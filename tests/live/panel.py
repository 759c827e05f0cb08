"""A whole panel for the live tests: commands, worker, database, log files, and one bootstrapped lab node."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.lab.nodes import Node
from tests.live.commands import Cold, Done, Running, Warm
from tests.live.rows import Rows
from tests.live.visitor import Site, Visitor

NODE = "lab"
PLAN = "basic"
PATIENCE_S = 180.0
FINAL = ("succeeded", "rolled_back", "failed", "rollback_failed", "cancelled")
#: A page of a customer: it runs as PHP, and its text says whose it is.
PAGE = "<?php echo 'page of ', posix_getpwuid(posix_geteuid())['name'];"


@dataclass(frozen=True, slots=True)
class Account:
    """A hosting service with its main domain."""

    username: str
    domain: str

    @property
    def site(self) -> Site:
        """Its PHP page, as :meth:`Panel.customer` uploads it."""
        return Site(self.domain, "/page.php", f"page of {self.username}")


class WorkerProcess:
    """``manage.py worker`` with all its children, in a process group of its own."""

    def __init__(self, running: Running) -> None:
        self._running = running
        #: Of the process that dispatches; its group has the same number.
        self.pid = running.pid
        self._waiter = threading.Thread(target=running.wait, daemon=True)
        self._waiter.start()

    @property
    def end(self) -> Done | None:
        """How it ended, None while it runs."""
        return self._running.done

    def ended(self) -> Done:
        """Wait for its end."""
        self._waiter.join(PATIENCE_S)
        assert self._running.done is not None, "the worker did not end"
        return self._running.done

    def stop(self) -> None:
        """Ask it to end, as an init system does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.ended()

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        self._running.kill()
        self.ended()


class Panel:
    """A panel of the tests' own with a ready node called ``lab``.

    Args:
        folder: for its keys, log files and (on SQLite) its database; empty.
        node: a lab node that is up; it is bootstrapped here, by the panel's own commands.
    """

    def __init__(self, folder: Path, node: Node) -> None:
        self.folder, self.node = folder, node
        self.environment = _environment(folder)
        self.rows = Rows(self.environment["NPANEL_DATABASE_URL"])
        self.visitor = Visitor(node)
        (folder / "log").mkdir(parents=True)
        log = {"NPANEL_INTERFACE": "worker", "NPANEL_LOG_FILE": str(folder / "log" / "worker.log")}
        self._workers_environment = self.environment | log | {"NPANEL_WORKERS": "2"}
        self._warm = (
            Warm(folder / "command.sock", self.environment),
            Warm(folder / "worker.sock", self._workers_environment),
        )
        self._commands: Warm | Cold = self._warm[0]
        self._workers: Warm | Cold = self._warm[1]

    def prepare(self) -> None:
        """Make the database and keys, add the node and bootstrap it."""
        self.manage("migrate", "--verbosity=0", plain=True)
        self.manage("worker_key", "--init", plain=True)
        address, key = self.node.address, str(self.node.key_path)
        pinned = ("--host-key", self.node.host_key, "--identity", key, "--public-address", address)
        self.manage("node_add", NODE, address, *pinned)
        self.manage("node_bootstrap", NODE, "--yes")
        self.manage("plan_create", PLAN, "--domains", "5", "--databases", "5", "--database-users", "5")

    def close(self) -> None:
        """End what runs."""
        for loaded in self._warm:
            loaded.close()

    # Its commands

    @contextlib.contextmanager
    def cold(self) -> Iterator[None]:
        """Have commands and workers started from scratch for the time of the block, visible in /proc as they are."""
        before = self._commands, self._workers
        self._commands, self._workers = Cold(self.environment), Cold(self._workers_environment)
        try:
            yield
        finally:
            self._commands, self._workers = before

    def manage(
        self,
        *argv: str,
        given: str = "",
        expect: int | None = 0,
        environment: Mapping[str, str] | None = None,
        plain: bool = False,
    ) -> Done:
        """Run ``manage.py``, with ``--json`` unless ``plain``.

        Args:
            given: standard input. expect: the exit status to insist on, None for any.
            environment: more variables for this one process.
        """
        done = self._commands.run([*argv, *([] if plain else ["--json"])], given, environment)
        assert expect is None or done.status == expect, str(done)
        return done

    def create(self, account: Account, *more: str, **options: Any) -> Done:
        """``service_create`` for an account, with a customer of its own."""
        where = ("--customer", f"Customer {account.username}", "--node", NODE, "--plan", PLAN)
        argv = ("service_create", account.domain, *where, "--username", account.username, "--yes", *more)
        return self.manage(*argv, **options)

    def customer(self, username: str) -> Account:
        """A customer whose site shows a PHP page of its own."""
        account = Account(username, f"{username}.test")
        self.create(account)
        self.upload(account.domain, "page.php", PAGE)
        assert self.visitor.get(account.domain, "/page.php").text == f"page of {username}"
        return account

    def delete(self, username: str) -> dict[str, Any]:
        """Delete a service as an operator does: prepare, look at plan and token, confirm; gives the operation."""
        return self.confirm("service_delete", username, self.manage("service_delete", username, expect=2).json)

    def confirm(self, command: str, username: str, shown: dict[str, Any]) -> dict[str, Any]:
        """Confirm what a command has prepared, with the token that it showed."""
        assert shown["state"] == "planned"
        argv = (command, username, "--confirm", "-", "--reason", "contract ended")
        return self.manage(*argv, given=f"{shown['token']}\n").json

    def upload(self, domain: str, path: str, text: str) -> None:
        """Put a file into a site, as its customer."""
        self.manage("site_upload", domain, path, "-", given=text)

    def database(self, username: str, name: str, **options: Any) -> str:
        """Add a database with an account of the same name; gives the password that was chosen for it."""
        password = secrets.token_urlsafe(24)
        self.manage("database_create", username, name, "--password-stdin", "--yes", given=f"{password}\n", **options)
        return password

    # Its worker

    def start_worker(self, **environment: str) -> WorkerProcess:
        """Start ``manage.py worker``; ``worker`` waits for its first sign of life."""
        return WorkerProcess(self._workers.start(["worker"], "", environment))

    @contextlib.contextmanager
    def worker(self, **environment: str) -> Iterator[WorkerProcess]:
        """A running worker, from its first sign of life; it is stopped by its pid, and nothing of it is left."""
        worker = self.start_worker(**environment)
        try:
            self.wait(lambda: self._beats(worker), "the worker's first sign of life")
            yield worker
            worker.stop()
        finally:
            worker.kill()

    def _beats(self, worker: WorkerProcess) -> bool:
        assert worker.end is None, str(worker.end)
        names = [row["name"] for row in self.rows("SELECT name FROM hosting_workerheartbeat")]
        return any(name.split(":")[1] == str(worker.pid) for name in names)

    def wait(self, done: Any, what: str) -> None:
        """Poll until ``done()`` is true.

        Raises:
            AssertionError: it is not, for minutes.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
            time.sleep(0.1)

    # What it knows

    def operations(self, username: str) -> list[dict[str, Any]]:
        """All operations on a service (or node), oldest first."""
        found = self.rows("SELECT * FROM hosting_operation WHERE target_label = %s ORDER BY created_at", username)
        return [operation | {"id": str(UUID(str(operation["id"])))} for operation in found]

    def last(self, username: str) -> dict[str, Any]:
        """The newest operation on a service."""
        return self.operations(username)[-1]

    def ended(self, username: str) -> dict[str, Any]:
        """The newest operation on a service, once it has ended."""
        self.wait(lambda: self.last(username)["state"] in FINAL, f"the end of the operation on {username}")
        return self.last(username)

    def journal(self, operation: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The journal of an operation, in order."""
        query = "SELECT * FROM hosting_journalentry WHERE operation_id = %s ORDER BY seq"
        return self.rows(query, UUID(operation["id"]).hex)

    def events(self, operation: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The audit events that name an operation, in order."""
        return self.rows("SELECT * FROM audit_event WHERE operation_id = %s ORDER BY id", operation["id"])

    def drift(self) -> list[dict[str, Any]]:
        """What a scan of the whole node finds: every difference that no operation explains."""
        done = self.manage("drift", "--node", NODE, expect=None)
        assert done.status in (0, 2), str(done)
        found: list[dict[str, Any]] = done.json["drift"]
        assert bool(found) == (done.status == 2)
        return found

    def is_as_wanted(self, username: str) -> bool:
        """Whether nothing would have to change for a service."""
        done = self.manage("service_plan", username, expect=None)
        assert done.status in (0, 2), str(done)
        return done.status == 0

    def logs(self, name: str = "*.log") -> list[dict[str, Any]]:
        """The JSON lines of its log files."""
        files = sorted((self.folder / "log").glob(name))
        return [json.loads(line) for file in files for line in file.read_text().splitlines() if line.startswith("{")]

    def everything_written(self) -> str:
        """All that it has written anywhere but into its keys: database, log files, metrics, the node's journal."""
        texts = [self.rows.everything(), self.node_journal()]
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "keys" not in path.parts:
                texts.append(path.read_bytes().decode("utf-8", "replace"))
        return "\n".join(texts)

    # What the node has

    def node_journal(self, *match: str) -> str:
        """The node's own journal with all fields; ``match`` narrows it, e.g. ``NPANEL_TRACE_ID=…`` (journalctl(1))."""
        argv = self.node.enter(["journalctl", "--no-pager", "--output=export", *match])
        return subprocess.run(argv, capture_output=True, check=True).stdout.decode("utf-8", "replace")

    def traces(self, username: str) -> list[str]:
        """Everything on the node that a service of this name leaves while it is there, and must not leave after."""
        places = ("/etc/nginx", "/etc/php", "/home", "/run/npanel/php", "/var/log/nginx", "/var/lib/npanel")
        argv = ["find", *places, "-name", f"*{username}*", "-not", "-path", "/var/lib/npanel/removed/*"]
        found = self.node.exec(argv).stdout.splitlines()
        found += self.node.exec(["getent", "passwd", username]).stdout.splitlines()
        names = "SELECT schema_name FROM information_schema.schemata UNION SELECT user FROM mysql.user"
        known = self.node.exec(["mariadb", "--batch", "--skip-column-names"], input=names, check=True).stdout.split()
        return found + [name for name in known if name.startswith(username)]

    def left_open(self) -> list[str]:
        """Temporary files on the node, locks and leases in the database: there are none while nothing runs."""
        places = ["/etc", "/home", "/var", "/run/npanel", "/usr/local"]
        found = self.node.exec(["find", *places, "-name", ".npanel-tmp-*"]).stdout.splitlines()
        locks = self.rows("SELECT holder FROM hosting_activationlock WHERE holder <> ''")
        held = "SELECT id, lease_owner FROM hosting_operation WHERE active_key IS NOT NULL OR lease_owner <> ''"
        waiting = self.rows("SELECT id FROM hosting_activationticket WHERE done = %s", False)
        return found + [str(row) for row in (*locks, *self.rows(held), *waiting)]


def _environment(folder: Path) -> dict[str, str]:
    """The caller's environment with a database and a var directory that no other panel uses."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NPANEL_", "PROMETHEUS_"))}
    url = os.environ.get("NPANEL_DATABASE_URL", "")
    if not url.startswith(("mysql", "mariadb")):
        url = f"sqlite://{folder / 'npanel.sqlite3'}"
    ours = {"NPANEL_VAR_DIR": str(folder), "NPANEL_DATABASE_URL": url, "NPANEL_ENVIRONMENT": "development"}
    settings = {"DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "npanel.settings")}
    return kept | ours | settings
