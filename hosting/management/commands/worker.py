"""``manage.py worker``: the dispatcher, the watchdog and the queue's processes."""

import os
import signal
import threading
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, close_old_connections, connections
from django.utils import timezone

from hosting.choices import NodeState
from hosting.errors import HostingError
from hosting.models import Node, WorkerHeartbeat
from hosting.operations import dispatcher, drift, recovery
from hosting.operations.doorbell import Doorbell
from hosting.operations.locks import worker_name
from hosting.signals_of_life import beat
from observability.context import bind_trace
from observability.health.runner import run_checks
from observability.logging import get_logger
from observability.metrics import merge_dead_processes

POLL_SECONDS = 1.0
WATCH_SECONDS = 10.0
HEALTH_SECONDS = 30.0
DRIFT_EVERY = timedelta(minutes=15)

log = get_logger("worker_start")


class Command(BaseCommand):
    """Run the worker until SIGTERM or SIGINT."""

    help = "Carry out operations: dispatcher, watchdog, drift scans and the queue's processes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Recover, start the queue, dispatch."""
        try:
            dispatcher.install_queue_key()
        except OSError as error:
            raise CommandError(f"The queue's key can't be read: {error}. Run manage.py worker_key --init.") from error
        Worker().run()


class Worker:
    """One worker process group."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.name = worker_name()

    def run(self) -> None:
        """Start everything, dispatch until told to stop, stop everything."""
        with bind_trace():
            recovered = recovery.recover()
            log.info("worker starts", status="success", recovered=recovered, pid=os.getpid())
        cluster = self._start_cluster()
        bell = Doorbell()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        threads = [threading.Thread(target=self._every, args=spec, daemon=True) for spec in self._chores()]
        for thread in threads:
            thread.start()
        try:
            while not self.stopping.is_set():
                self._dispatch()
                bell.wait(POLL_SECONDS)
        finally:
            bell.close()
            cluster.stop()
            WorkerHeartbeat.objects.filter(name=self.name).delete()
            log.info("worker stops", status="success")

    def _start_cluster(self) -> Any:
        from django_q.cluster import Cluster

        connections.close_all()  # the queue's processes are forked: they must not share a database connection
        cluster = Cluster()
        cluster.start()
        return cluster

    def _dispatch(self) -> None:
        try:
            close_old_connections()
            count = dispatcher.dispatch()
        except OperationalError as error:
            log.error("database does not answer", error_message=str(error), status="retrying")
            self.stopping.wait(POLL_SECONDS)
            return
        if count:
            get_logger("queue_dispatch").info("dispatched", count=count, status="success")

    def _chores(self) -> list[tuple[Any, float]]:
        return [(self._watch, WATCH_SECONDS), (run_checks, HEALTH_SECONDS), (self._scan, 5.0)]

    def _every(self, chore: Any, seconds: float) -> None:
        """Repeat a chore; one that fails is logged and tried again, the others go on."""
        while not self.stopping.is_set():
            began = time.monotonic()
            with bind_trace():
                try:
                    close_old_connections()
                    chore()
                except Exception:
                    log.exception("chore failed", chore=getattr(chore, "__name__", str(chore)), status="failed")
            self.stopping.wait(max(0.1, seconds - (time.monotonic() - began)))

    def _watch(self) -> None:
        beat(self.name)
        WorkerHeartbeat.objects.filter(at__lt=timezone.now() - timedelta(hours=1)).delete()
        recovery.redispatch_lost()
        if recovery.orphans():
            recovery.recover()
        merge_dead_processes()

    def _scan(self) -> None:
        before = timezone.now() - DRIFT_EVERY
        for node in Node.objects.filter(state=NodeState.READY):
            if node.scanned_at is None or node.scanned_at < before:
                try:
                    drift.scan(node)
                except HostingError as error:
                    Node.objects.filter(pk=node.pk).update(note=error.detail[:300], scanned_at=timezone.now())
