"""``manage.py worker``: the dispatcher, the watchdog and the queue's processes."""

import ctypes
import os
import signal
import threading
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, close_old_connections, connections
from django.utils import timezone

from audit import watch
from audit.actor import Actor
from audit.keys import ensure_audit_key
from hosting.choices import NodeState
from hosting.errors import HostingError
from hosting.models import Node, WorkerHeartbeat
from hosting.operations import blocklists, dispatcher, drift, mail_lookups, mail_queue, recovery, webhook_sender
from hosting.operations.doorbell import Doorbell, ring
from hosting.operations.locks import worker_name
from hosting.services import bulk
from hosting.services.auto_certificates import issue_due
from hosting.services.holds import extend_holds
from hosting.services.intents import expire_intents
from hosting.services.lifecycle import purge_due
from hosting.signals_of_life import beat
from observability import retention, samples
from observability.context import bind_trace
from observability.health import history
from observability.logging import get_logger
from observability.metrics import merge_dead_processes
from observability.redaction import redact_text

POLL_SECONDS = 1.0
BEAT_SECONDS = 10.0
WATCH_SECONDS = 10.0
HEALTH_SECONDS = 15.0
ISSUE_SECONDS = 5.0
WEBHOOK_SECONDS = 2.0
FORGET_SECONDS = 900.0
SAMPLE_SECONDS = 60.0
BLOCKLIST_SECONDS = 60.0
RETENTION_SECONDS = 3600.0
SEAL_SECONDS = 2.0
LOOK_SECONDS = 60.0

#: prctl(2): the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1

log = get_logger("worker_start")


class Command(BaseCommand):
    """Run the worker until SIGTERM or SIGINT."""

    help = "Carry out operations: dispatcher, watchdog, drift scans and the queue's processes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Run, or only clear up."""
        parser.add_argument(
            "--recover", action="store_true", help="finish or undo here what dead workers left, then exit"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the queue, put back into it what dead workers left, dispatch."""
        if options["recover"]:
            with bind_trace():
                self.stdout.write(f"{recovery.recover()} operations of dead workers were taken over.")
            return
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
        self.actor = Actor.system("worker")

    def run(self) -> None:
        """Start everything, dispatch until told to stop, stop everything.

        Raises:
            CommandError: the queue's first process died; a supervisor is to start the worker again.
        """
        with bind_trace():
            log.info("worker starts", status="success", requeued=recovery.requeue(), pid=os.getpid())
        if settings.NPANEL_AUDIT_SEALER == "worker":
            ensure_audit_key()
        cluster = self._start_cluster()
        bell = Doorbell()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        threads = [threading.Thread(target=self._every, args=spec, daemon=True) for spec in self._chores()]
        for thread in threads:
            thread.start()
        try:
            while not self.stopping.is_set():
                self._check(cluster)
                self._dispatch()
                bell.wait(POLL_SECONDS)
        finally:
            self.stopping.set()
            bell.close()
            cluster.stop()
            WorkerHeartbeat.objects.filter(name=self.name).delete()
            log.info("worker stops", status="success")

    def _start_cluster(self) -> Any:
        from django_q.cluster import Cluster

        connections.close_all()  # the queue's processes are forked: they must not share a database connection
        end_children_with_parents()
        cluster = Cluster()
        cluster.start()
        return cluster

    def _check(self, cluster: Any) -> None:
        """Without its first process (the sentinel) the queue replaces no process that dies, and can't be stopped."""
        if cluster.sentinel.is_alive():
            return
        if self.stopping.wait(POLL_SECONDS):  # a signal for the whole group reached it before this process
            return
        log.error("the queue's first process died", exit_code=cluster.sentinel.exitcode, status="failed")
        raise CommandError("The queue's first process died; the worker ends, to be started again.")

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
        return [
            (self._beat, BEAT_SECONDS),
            (self._watch, WATCH_SECONDS),
            (history.check_and_remember, HEALTH_SECONDS),
            (self._scan, 5.0),
            (mail_queue.look_due, 5.0),
            (mail_queue.retry_due, POLL_SECONDS),
            (mail_lookups.answer_due, POLL_SECONDS),
            (mail_lookups.forget_old, FORGET_SECONDS),
            (blocklists.look_due, BLOCKLIST_SECONDS),
            (self._govern, 5.0),
            (self._issue, ISSUE_SECONDS),
            (bulk.advance_all, POLL_SECONDS),
            (webhook_sender.send_due, WEBHOOK_SECONDS),
            (webhook_sender.forget_old, FORGET_SECONDS),
            (history.forget_old, FORGET_SECONDS),
            (samples.take, SAMPLE_SECONDS),
            (samples.forget_old, FORGET_SECONDS),
            (self._hold, RETENTION_SECONDS),
            (retention.run_due, RETENTION_SECONDS),
            (watch.seal_here, SEAL_SECONDS),
            (watch.look, LOOK_SECONDS),
            (watch.prove_here, LOOK_SECONDS),
        ]

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

    def _hold(self) -> None:
        """What held customers got in the last hour is held too."""
        extend_holds(actor=Actor.system("worker"))

    def _beat(self) -> None:
        """A chore of its own: a slow watchdog is no dead worker."""
        beat(self.name)

    def _watch(self) -> None:
        WorkerHeartbeat.objects.filter(at__lt=timezone.now() - timedelta(hours=1)).delete()
        recovery.redispatch_lost()
        if recovery.requeue():
            ring()
        merge_dead_processes()

    def _govern(self) -> None:
        """What nobody confirmed in time is given up; what was deleted long enough ago is purged."""
        expire_intents(actor=self.actor)
        purge_due(actor=self.actor)

    def _issue(self) -> None:
        """Certificates that are due are asked for; a chore of its own, as names are looked up first."""
        issue_due(actor=self.actor)

    def _scan(self) -> None:
        before = timezone.now() - timedelta(seconds=settings.NPANEL_DRIFT_SECONDS)
        for node in Node.objects.filter(state=NodeState.READY):
            if node.scanned_at is None or node.scanned_at < before:
                self._scan_one(node)

    def _scan_one(self, node: Node) -> None:
        """Look at one node; whatever goes wrong there is noted, and the next one is looked at all the same."""
        try:
            drift.scan(node)
        except HostingError as error:
            note = error.detail
        except Exception as error:
            log.exception("scan hit a bug", node=node.name, status="failed")
            note = f"NPanel itself failed to scan it ({type(error).__name__}); the worker's log says more."
        else:
            return
        Node.objects.filter(pk=node.pk).update(note=redact_text(note)[:300], scanned_at=timezone.now())


def end_children_with_parents() -> None:
    """Have every process that is forked from now on, and those forked by it, killed when its parent dies.

    The queue's processes wait for each other for ever; nobody else would end them when the worker or the first of
    them is killed. What they were at is recovered like that of any dead worker.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    parents: list[int] = []

    def remember() -> None:
        parents[:] = [os.getpid()]

    def follow() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if parents != [os.getppid()]:  # it died between the fork and the line above
            os._exit(1)

    os.register_at_fork(before=remember, after_in_child=follow)
