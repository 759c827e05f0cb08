"""A panel of its own for a benchmark: temporary database and keys, a fresh lab node, a worker when asked for."""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.nodes import Lab
from tests.lab.nodes import Node as LabNode

if TYPE_CHECKING:
    from hosting.models import HostingPlan, Node, Operation

ROOT = Path(__file__).resolve().parents[2]


class BenchPanel:
    """The panel's services, in this process, on one lab node."""

    def __init__(self, lab_node: LabNode, name: str, address: str, port: int) -> None:
        from accounts.models import Customer
        from hosting.services.nodes import add_node, authorize_key, bootstrap_node
        from hosting.services.plans import create_plan
        from tests.people import operator

        self.actor, self.lab_node, self.name = operator(), lab_node, name
        self.node: Node = add_node(
            actor=self.actor,
            name=name,
            address=address,
            ssh_port=port,
            host_keys=lab_node.host_key,
            public_addresses=[lab_node.address],
        )
        authorize_key(actor=self.actor, node=self.node, identity=Path(lab_node.key_path).read_text())
        self.proven(self.run(bootstrap_node(actor=self.actor, node=self.node)))
        self.node.refresh_from_db()
        self.plan: HostingPlan = create_plan(
            actor=self.actor, name=name, domains=None, databases=None, database_users=None
        )
        self.customer = Customer.objects.create(name=name)

    def ask(self, number: int) -> "Operation":
        """Ask for one complete service: user, pool, site, zone, database and its account."""
        from hosting.services.sites import create_service

        return create_service(
            actor=self.actor,
            customer=self.customer,
            node=self.node,
            plan=self.plan,
            domain=f"site{number}.{self.name}{number}.test",
            username=f"{self.name[0]}{number}",
            database="main",
            database_password=secrets.token_urlsafe(16),
        )

    def run(self, operation: "Operation") -> "Operation":
        """Carry an operation out here, as a warm worker does."""
        from hosting.operations import runner

        runner.run(operation.pk)
        operation.refresh_from_db()
        return operation

    def proven(self, operation: "Operation") -> "Operation":
        """The operation, if it succeeded."""
        if operation.state != "succeeded":
            raise RuntimeError(f"{operation}: {operation.state} {operation.error}")
        return operation


@contextlib.contextmanager
def surroundings() -> Iterator[Path]:
    """A var directory of the run's own, and Django set up on a SQLite file in it (the embedded default)."""
    with tempfile.TemporaryDirectory(prefix="npanel-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "npanel.settings",
            "NPANEL_VAR_DIR": folder,
            "NPANEL_DATABASE_URL": f"sqlite:///{folder}/npanel.sqlite3",
            "NPANEL_WORKERS": "8",
        }
        from npanel.env import prepare_metrics_directory

        prepare_metrics_directory()
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("worker_key", "--init", stdout=open(os.devnull, "w"))  # noqa: SIM115 - for the process's life
        yield Path(folder)


@contextlib.contextmanager
def panel(number: int = 9, *, latency: float = 0.0) -> Iterator[BenchPanel]:
    """A bootstrapped panel on a fresh lab node.

    Args:
        number: of the lab node.
        latency: seconds added to each round trip of its SSH connection.
    """
    from hosting.operations.nodes import disconnect_all
    from tests.lab.proxy import Proxy

    lab_node = Lab().node(number)
    lab_node.down()
    lab_node.up()
    with contextlib.ExitStack() as stack:
        stack.callback(lab_node.down)
        stack.callback(disconnect_all)
        address, port = lab_node.address, 22
        if latency:
            proxy = stack.enter_context(Proxy(lab_node.address, 22))
            address, port = proxy.address, proxy.port
        bench = BenchPanel(lab_node, "far" if latency else "bench", address, port)
        if latency:
            proxy.latency(latency / 2)
        yield bench


@contextlib.contextmanager
def worker() -> Iterator[None]:
    """The real worker with its processes, from heartbeat to stop."""
    from hosting.models import WorkerHeartbeat

    log = Path(os.environ["NPANEL_VAR_DIR"]) / "worker.log"
    environment = {**os.environ, "NPANEL_INTERFACE": "worker", "NPANEL_LOG_FILE": str(log)}
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not WorkerHeartbeat.objects.exists():
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the worker did not start")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(60)


def timed(call: Any) -> tuple[float, Any]:
    """Wall seconds of a call, and what it returned."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result
