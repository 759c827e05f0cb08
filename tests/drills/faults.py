"""The faults: each is made for real, and can be taken back where the runbook's commands did not."""

import contextlib
import datetime
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.drills.node_faults import NODE_FAULTS
from tests.drills.stack import CONNECTIONS, Stack
from tests.live.web import Operator


@dataclass(frozen=True)
class Drill:
    """A fault, and what is expected of the alerts.

    Args:
        name: as the runbook's blocks say it. page: where the runbook tells what to do.
        alerts: one of these must fire. also: these may fire as well, because of the same fault.
        hard: something is plainly off, so that it must be noticed within a minute.
        inject: makes the fault. undo: takes back what is left of it; harmless when nothing is.
        between: what no command of the page can do, such as pressing a power button, before the checks.
        after: what is done when the page has been followed, before the end of the alert is awaited.
        busy: it loads the machine, so it comes last.
    """

    name: str
    page: str
    alerts: tuple[str, ...]
    inject: Callable[[Stack], Any]
    undo: Callable[[Stack], Any] = lambda stack: None
    also: tuple[str, ...] = ()
    hard: bool = True
    between: Callable[[Stack], Any] | None = None
    after: Callable[[Stack], Any] = lambda stack: None
    busy: bool = False


# On the panel's machine


def stop_unit(name: str) -> Callable[[Stack], Any]:
    """A service that was stopped, and that nobody starts."""
    return lambda stack: stack.units.stop(name)


def start_unit(name: str) -> Callable[[Stack], Any]:
    """The service is there again."""
    return lambda stack: stack.systemctl("start", name)


def kill_unit(name: str) -> Callable[[Stack], Any]:
    """A service whose processes were all killed."""
    return lambda stack: stack.units.kill(name)


def fill_disk(stack: Stack) -> None:
    """Rotated log files up to 95 %."""
    system = os.statvfs(stack.var)
    free = system.f_bavail * system.f_frsize
    room = int(free - 0.04 * system.f_blocks * system.f_frsize)
    with (stack.var / "log" / "worker.log.1").open("wb") as file:
        for _ in range(room // 2**20):
            file.write(b"x" * 2**20)


def empty_disk(stack: Stack) -> None:
    """Without them."""
    (stack.var / "log" / "worker.log.1").unlink(missing_ok=True)


def eat_memory(stack: Stack) -> None:
    """A child of the worker that holds nine tenths of what the panel's control group may have."""
    limit = int((stack.memory / "memory.limit_in_bytes").read_text())
    used = int((stack.memory / "memory.usage_in_bytes").read_text())
    size = int(limit * 0.91 - used)
    code = f"import time; kept = bytearray({size}); kept[::4096] = b'x' * len(kept[::4096]); time.sleep(1800)"
    stack.units.adopt("npanel-worker", [sys.executable, "-c", code])


def restart_worker(stack: Stack) -> None:
    """Whatever the worker holds is let go of."""
    stack.systemctl("restart", "npanel-worker")


def burn_cpu(stack: Stack) -> None:
    """Children of the worker that keep every processor busy, ten minutes at most."""
    code = "import time; end = time.time() + 600\nwhile time.time() < end: pass"
    for _ in range((os.cpu_count() or 1) + 1):
        stack.units.adopt("npanel-worker", [sys.executable, "-c", code])


class Held:
    """What a fault holds open until it is taken back."""

    def __init__(self) -> None:
        self.connections: list[Any] = []
        self.stopping = threading.Event()
        self.threads: list[threading.Thread] = []

    def crowd(self, stack: Stack) -> None:
        """Forgotten connections: nine tenths of what there may be, so that a person still gets in."""
        own = stack.rows("SELECT COUNT(*) AS n FROM information_schema.processlist")[0]["n"]
        self.connections = [stack.connect() for _ in range(int(CONNECTIONS * 0.915) - own)]

    def lock_people(self, stack: Stack) -> None:
        """A forgotten transaction on the table of people, and somebody who signs in now and then."""
        connection = stack.connect()
        connection.cursor().execute("SELECT * FROM accounts_user FOR UPDATE")
        self.connections = [connection]
        self.stopping.clear()
        self.threads = [threading.Thread(target=self._sign_in, args=(stack,), daemon=True)]
        for thread in self.threads:
            thread.start()

    def _sign_in(self, stack: Stack) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(Exception):  # that it fails is the fault
                Operator(stack.admin, stack.email, stack.password)
            self.stopping.wait(1)

    def sign_in_once(self, stack: Stack) -> None:
        """Nobody is locked out any more; those who tried are in, and go to bed."""
        self.stopping.set()
        Operator(stack.admin, stack.email, stack.password)

    def let_go(self, stack: Stack) -> None:
        """Nothing is held any more."""
        self.stopping.set()
        for connection in self.connections:
            with contextlib.suppress(Exception):  # the recovery may have ended it
                connection.close()
        self.connections = []


def expire_certificate(stack: Stack) -> None:
    """The panel's certificate ended an hour ago; a new one waits in a folder."""
    stack.authority.issue(
        stack.var / "tls",
        "localhost",
        "127.0.0.1",
        begins=-datetime.timedelta(days=90),
        ends=-datetime.timedelta(hours=1),
    )
    stack.authority.issue(stack.folder / "new-certificate", "localhost", "127.0.0.1")


def renew_certificate(stack: Stack) -> None:
    """A good one in its place."""
    stack.authority.issue(stack.var / "tls", "localhost", "127.0.0.1")


def drop_trigger(stack: Stack) -> None:
    """The table of audit events can be changed."""
    connection = stack.connect()
    cursor = connection.cursor()
    cursor.execute("SELECT trigger_name FROM information_schema.triggers WHERE event_object_table = 'audit_event'")
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP TRIGGER `{name}`")
    connection.commit()
    connection.close()


def repair_triggers(stack: Stack) -> None:
    """It can't."""
    stack.manage("audit_doctor", "--repair")


def stop_sealing(stack: Stack) -> None:
    """The sealer was stopped, and something happens that ought to be sealed."""
    stack.units.stop("npanel-sealer")
    stack.manage("plan_create", "Unsealed", "--domains", "1", "--databases", "1")


def delete_gone(stack: Stack) -> None:
    """The service ``gone`` is deleted, as an operator deletes one."""
    shown = json.loads(stack.manage("service_delete", "gone", "--json", expect=2))
    argv = ("service_delete", "gone", "--confirm", "-", "--reason", "drill")
    stack.manage(*argv, given=f"{shown['token']}\n")


# On the node


def node_drill(name: str, *alerts: str, between: Callable[[Stack], Any] | None = None, **more: Any) -> Drill:
    """A drill whose fault is on the node alone."""
    fault = NODE_FAULTS[name]
    return Drill(
        name, fault.page, alerts, lambda stack: fault.inject(stack.node), lambda stack: fault.undo(stack.node),
        between=between, **more,
    )  # fmt: skip


def power_on(stack: Stack) -> None:
    """Somebody presses the node's button."""
    stack.node.up()
