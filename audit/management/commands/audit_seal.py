"""Seals audit events: exit status 0 done, 1 another process is at it, 2 it could not."""

import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from audit.keys import add_audit_key, ensure_audit_key
from audit.sealing import SealerBusy, seal_pending
from audit.watch import keep_here, look_now, prove_whole
from observability.context import bind_trace
from observability.logging import get_logger
from observability.operations import AUDIT_SEAL

_WHOLE_EVERY = 1_800
_SLOW_EVERY = 60.0

log = get_logger(AUDIT_SEAL)


class Command(BaseCommand):
    """``manage.py audit_seal [--follow]``."""

    help = "Seal audit events, sign and export a checkpoint. Exit status: 0 done, 1 another sealer runs, 2 failed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--follow", action="store_true", help="go on until SIGTERM, once every two seconds")
        parser.add_argument("--init", action="store_true", help="only make the signing key if it is missing")
        parser.add_argument("--rotate", action="store_true", help="only add a new signing key")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rotate"]:
            self.stdout.write(f"New signing key {add_audit_key()}.")
            return
        ensure_audit_key()
        if options["init"]:
            self.stdout.write("The signing key is there.")
        elif options["follow"]:
            self._follow()
        else:
            self._once()

    def _once(self) -> None:
        try:
            self.stdout.write(f"{seal_pending()} events sealed")
        except SealerBusy as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except (DatabaseError, OSError) as error:
            raise CommandError(f"Events could not be sealed: {error}", returncode=2) from error

    def _follow(self) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        threading.Thread(target=self._slow_chores, args=(stopping,), daemon=True).start()
        passes = 0
        while not stopping.is_set():
            with bind_trace():
                self._pass(whole=passes % _WHOLE_EVERY == 0)
            passes += 1
            stopping.wait(2.0)

    def _slow_chores(self, stopping: threading.Event) -> None:
        """What takes minutes has a thread and a connection of its own, so that sealing goes on."""
        while True:
            with bind_trace():
                try:
                    close_old_connections()
                    prove_whole()
                    keep_here()
                except Exception:
                    log.exception("slow chore failed", status="retrying")
            if stopping.wait(_SLOW_EVERY):
                return

    def _pass(self, *, whole: bool) -> None:
        try:
            close_old_connections()
            seal_pending(whole=whole, checkpoint_now=False)
            look_now()
        except SealerBusy:
            return
        except (DatabaseError, OSError) as error:
            log.error("sealing failed", exc_info=error, status="retrying")
