"""``manage.py bulk``: the same for many services."""

import time
from typing import Any

from django.core.management.base import CommandParser

from accounts.models import Customer
from hosting.choices import BulkState, OperationKind, OperationState, ServiceState
from hosting.management.door import HostingCommand, given_token
from hosting.models import BulkRun, HostingService, Operation
from hosting.operations import dispatcher, recovery, runner
from hosting.services import bulk

_WORDS = {
    "suspend": OperationKind.SUSPEND,
    "resume": OperationKind.RESUME,
    "apply": OperationKind.APPLY,
    "php": OperationKind.CHANGE_PHP,
    "delete": OperationKind.DELETE,
}


class Command(HostingCommand):
    """Suspend, resume, apply, change PHP or delete many services, with a result for each."""

    help = (
        "Do the same for many services, one operation each, and show what became of each (exit 1: not all succeeded, "
        "2: it waits to be confirmed)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What, for which services; or what to do with a run that is there."""
        super().add_arguments(parser)
        parser.add_argument("what", choices=[*_WORDS, "confirm", "retry", "cancel", "show"])
        parser.add_argument("names", nargs="*", help="user names of services, or (to go on with one) a run's UUID")
        parser.add_argument("--customer", default="", help="all live services of this customer")
        parser.add_argument("--php", default="", help="PHP version (with php)")
        parser.add_argument("--token", default="", help="with confirm: as it was shown; - reads it")
        parser.add_argument("--reason", default="", help="why; kept in the audit log")
        parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for the end (default 600)")

    def act(self, options: dict[str, Any]) -> int:
        """Start, or go on with, a run; wait for it; show its rows."""
        run = self._run(options)
        if run.state == BulkState.WAITING and options["what"] != "show":
            return self._wait_for_confirmation(run)
        if options["what"] != "show":
            self._drive(run, options["timeout"])
        return self._report(run)

    def _run(self, options: dict[str, Any]) -> BulkRun:
        what = options["what"]
        if what in _WORDS:
            return bulk.start_bulk(
                actor=self.actor,
                kind=_WORDS[what],
                services=self._services(options),
                reason=options["reason"],
                options={"php_version": options["php"]} if what == "php" else {},
            )
        run = self.find(BulkRun, "bulk", pk=options["names"][0] if options["names"] else "")
        if what == "confirm":
            return bulk.confirm_bulk(
                actor=self.actor,
                run=run,
                token=given_token(options["token"]),
                digest=run.digest,
                reason=options["reason"],
            )
        if what == "retry":
            return bulk.retry_bulk(actor=self.actor, run=run)
        return bulk.cancel_bulk(actor=self.actor, run=run, reason=options["reason"]) if what == "cancel" else run

    def _services(self, options: dict[str, Any]) -> list[HostingService]:
        found = [self.service(name) for name in options["names"]]
        if options["customer"]:
            customer = self.find(Customer, "service_create", name=options["customer"])
            gone = (ServiceState.SOFT_DELETED, ServiceState.TERMINATED)
            found += list(HostingService.objects.filter(customer=customer).exclude(state__in=gone))
        return found

    def _wait_for_confirmation(self, run: BulkRun) -> int:
        token = bulk.prepare_bulk(actor=self.actor, run=run)
        names = ", ".join(run.items.values_list("label", flat=True))
        data = {"run": str(run.pk), "state": run.state, "digest": run.digest, "token": token}
        self.show(data, f"{run.get_kind_display()}: {names}\nDigest {run.digest}")
        self.say(
            f"Nothing was changed. Within ten minutes confirm with: manage.py bulk confirm {run.pk} --token {token} "
            "--reason '…'"
        )
        return 2

    def _drive(self, run: BulkRun, timeout: float) -> None:
        """Wait for the worker, or without one do its work here."""
        deadline = time.monotonic() + timeout
        while not run.is_final and time.monotonic() < deadline:
            if recovery.worker_lives():
                time.sleep(0.3)
            else:
                self._work(run)
            run.refresh_from_db()

    def _work(self, run: BulkRun) -> None:
        bulk.advance(run)
        mine = Operation.objects.filter(bulk_item__run=run, state=OperationState.PENDING)
        due = list(dispatcher.due().filter(pk__in=mine.values("pk")))
        for operation in due:
            runner.run(operation.pk)
        if not due:
            time.sleep(0.3)  # what is left waits for its node, or for another operation

    def _report(self, run: BulkRun) -> int:
        items = list(run.items.select_related("operation").order_by("pk"))
        rows = [
            {
                "service": item.label,
                "state": item.state,
                "operation": str(item.operation_id or ""),
                "error": item.error,
            }
            for item in items
        ]
        lines = [f"{run}: {run.get_state_display()}"]
        lines += [f"  {item.label}: {item.get_state_display()}{_why(item.error)}" for item in items]
        data = {"run": str(run.pk), "state": run.state, "counts": bulk.counts(run), "rows": rows}
        self.show(data, "\n".join(lines))
        return 0 if run.state == BulkState.SUCCEEDED else 1


def _why(error: dict[str, Any] | None) -> str:
    return f" ({error['detail']})" if error else ""
