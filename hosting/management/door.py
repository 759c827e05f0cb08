"""What the commands share: arguments, progress, the plan question, JSON, errors and exit statuses.

Exit statuses: 0 done, 1 refused or failed, 2 there are changes (plans, drift) or a plan waits for approval.
"""

import dataclasses
import json
import sys
import time
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import models

from accounts.actors import actor_from_terminal
from audit.actor import Actor
from hosting.choices import OperationState
from hosting.errors import HostingError, facts_of
from hosting.models import HostingService, Node, Operation
from hosting.operations import recovery, runner
from hosting.operations.intents import assessment_of, must_be_confirmed
from hosting.operations.present import plan_view
from hosting.services.intents import confirm_intent, prepare_again
from hosting.services.operations import approve_operation, cancel_operation, wait_for
from hosting.texts import N_
from hosting.translated import english, translated
from observability.context import bind_trace
from observability.logging import get_logger
from observability.operations import COMMAND

M = TypeVar("M", bound=models.Model)

log = get_logger(COMMAND)
_SIGNS = {"create": "+", "update": "~", "delete": "-"}


class HostingCommand(BaseCommand):
    """A command that calls service functions and shows HostingErrors as people need them."""

    def add_arguments(self, parser: CommandParser) -> None:
        """``--json`` for every command; subclasses add theirs."""
        parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run :meth:`act` with one trace id; a HostingError becomes stderr and exit status 1."""
        self.as_json: bool = options["json"]
        self.actor: Actor = actor_from_terminal()
        began, code = time.monotonic(), ""
        with bind_trace():
            try:
                status = self.act(options)
            except HostingError as error:
                status, code = self._refuse(error), error.code
            except Exception:
                log.exception("command broke", command=self.name, status="failed")
                raise
            self._log_end(status, code, time.monotonic() - began)
        if status:
            sys.exit(status)

    @property
    def name(self) -> str:
        """How people call it."""
        return type(self).__module__.rpartition(".")[2]

    def _log_end(self, status: int, code: str, seconds: float) -> None:
        """The line that a request has from its middleware; without the arguments, which may be anything."""
        log.info(
            f"{self.name} ended with {status}",
            status="failed" if status == 1 else "success",
            error_code=code,
            duration_ms=round(seconds * 1000, 1),
            login=self.actor.login,
        )

    def act(self, options: dict[str, Any]) -> int:
        """What the command does; returns its exit status."""
        raise CommandError("this command does nothing")

    def say(self, text: str) -> None:
        """A line of progress on standard error (nothing with ``--json`` on a pipe is lost: that goes to stdout)."""
        self.stderr.write(text, ending="\n")

    def show(self, data: dict[str, Any], text: str) -> None:
        """The result: JSON if asked for, else text."""
        self.stdout.write(json.dumps(data, indent=2, default=str) if self.as_json else text)

    def find(self, model: type[M], hint: str, **lookup: Any) -> M:
        """One row.

        Raises:
            HostingError: ``not_found``.
        """
        try:
            found = model._default_manager.filter(**lookup).order_by("-pk").first()
        except ValidationError:  # the text is no UUID at all
            found = None
        if found is None:
            wish = ", ".join(str(value) for value in lookup.values())
            raise HostingError(
                N_("There is no %(kind)s %(wish)s.", kind=english(model._meta.verbose_name), wish=wish),
                code="not_found",
                hint=N_("manage.py %(command)s shows or adds.", command=hint),
            )
        return found

    def service(self, username: str) -> HostingService:
        """The live service of a user name, else the newest terminated one."""
        live = HostingService.objects.filter(username_key=username).first()
        return live or self.find(HostingService, "service_create", username=username)

    def node(self, name: str) -> Node:
        """A node by name."""
        return self.find(Node, "node_add", name=name)

    def _refuse(self, error: HostingError) -> int:
        if self.as_json:
            self.stdout.write(json.dumps({"error": error.as_dict()}, indent=2))
        detail, hint = translated(error)
        self.stderr.write(self.style.ERROR(f"{error.code}: {detail}"))
        if hint:
            self.stderr.write(f"  {hint}")
        return 1


class OperationCommand(HostingCommand):
    """A command that asks for an operation, shows its plan, asks, and waits for its end."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Ways to answer the question beforehand."""
        super().add_arguments(parser)
        parser.add_argument(
            "--yes",
            "-y",
            action="store_true",
            help="apply without asking (what is governed is confirmed all the same)",
        )
        parser.add_argument(
            "--plan-only", action="store_true", help="show the plan, change nothing, exit 2 if there is one"
        )
        parser.add_argument("--reason", default="", help="why; kept in the audit log")
        parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for the end (default 600)")

    def act(self, options: dict[str, Any]) -> int:
        """Plan, ask, apply, as the options say."""
        ask = options["plan_only"] or not options["yes"]
        operation = self._drive(self.request(options, wait_for_approval=ask), options["timeout"])
        if operation.state != OperationState.PLANNED:
            return self._report(operation)
        if options["plan_only"]:
            self._show_plan(operation)
            cancel_operation(actor=self.actor, operation=operation, reason="plan only")
            return 2 if (operation.plan or {}).get("changes") else 0
        if must_be_confirmed(operation):
            return self._have_confirmed(operation, options)
        self._show_plan(operation)
        if not self._agreed(operation):
            return 2
        approve_operation(actor=self.actor, operation=operation, digest=operation.plan_digest, reason=options["reason"])
        return self._report(self._drive(operation, options["timeout"]))

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Call the service function that asks for the operation."""
        raise CommandError("this command asks for nothing")

    def _have_confirmed(self, operation: Operation, options: dict[str, Any]) -> int:
        """Show the plan and its one-time token; a person at a terminal can confirm at once."""
        token = prepare_again(actor=self.actor, operation=operation)
        how = f"manage.py operation_confirm {operation.pk} {token} --reason '…'"
        self.show({**describe(operation), "token": token}, f"{plan_text(operation)}\n{intent_text(operation)}")
        if self.as_json or not sys.stdin.isatty():
            self.say(f"Nothing was changed. Within ten minutes confirm with: {how}")
            return 2
        if not self._named(operation):
            return 2
        return self._confirm(operation, token, options)

    def _named(self, operation: Operation) -> bool:
        if input(f"Type {operation.target_label} to confirm: ").strip() == operation.target_label:
            return True
        cancel_operation(actor=self.actor, operation=operation, reason="not confirmed")
        self.say("Cancelled; nothing was changed.")
        return False

    def _confirm(self, operation: Operation, token: str, options: dict[str, Any]) -> int:
        """Confirm the plan that was shown with the token, and wait for the end."""
        reason = options["reason"] or (input("Reason: ") if sys.stdin.isatty() and not self.as_json else "")
        confirm_intent(actor=self.actor, operation=operation, token=token, digest=operation.plan_digest, reason=reason)
        return self._report(self._drive(operation, options["timeout"]))

    def _agreed(self, operation: Operation) -> bool:
        if self.as_json or not sys.stdin.isatty():
            self.say(
                f"Nothing was changed. Approve with: manage.py operation_approve {operation.pk} {operation.plan_digest}"
            )
            return False
        answer = input("Apply this plan? Only “yes” applies it: ").strip().lower()
        if answer == "yes":
            return True
        cancel_operation(actor=self.actor, operation=operation, reason="not confirmed")
        self.say("Cancelled; nothing was changed.")
        return False

    def _drive(self, operation: Operation, timeout: float) -> Operation:
        """Wait for the worker, or without one carry the operation out here."""
        if not recovery.worker_lives():
            runner.run(operation.pk)
        return wait_for(operation, timeout, self._progress)

    def _progress(self, operation: Operation) -> None:
        if not self.as_json:
            waits = f" ({translated(operation.error)[0]})" if operation.error and not operation.is_final else ""
            self.say(f"  {operation}: {operation.get_state_display()}, {operation.get_phase_display()}{waits}")

    def _show_plan(self, operation: Operation) -> None:
        self.show(describe(operation), plan_text(operation))

    def _report(self, operation: Operation) -> int:
        self.show(describe(operation), report_text(operation))
        return 0 if operation.state == OperationState.SUCCEEDED else 1


def given_token(text: str) -> str:
    """A token from the command line; ``-`` reads it from standard input, where no list of processes shows it."""
    return sys.stdin.readline().strip() if text == "-" else text


def describe(operation: Operation) -> dict[str, Any]:
    """An operation for ``--json``: no secrets, only fingerprints."""
    return {
        "operation": str(operation.pk),
        "kind": operation.kind,
        "target": operation.target_label,
        "state": operation.state,
        "trace_id": operation.trace_id,
        "seconds": operation.seconds,
        "round_trips": operation.round_trips,
        "error": facts_of(operation.error),
        "result": operation.result,
        "plan": dataclasses.asdict(plan_view(operation)),
    }


def plan_text(operation: Operation) -> str:
    """An operation's plan for a terminal."""
    view, lines = plan_view(operation), []
    for group in view.groups:
        lines.append(f"{group.label}:")
        for change in group.changes:
            lines.append(f"  {_SIGNS[change.action]} {change.kind_label} {change.key}")
            lines.extend(f"      {line}" for line in change.diff)
    return "\n".join([*lines, "", view.summary, f"Digest {view.digest}"])


def intent_text(operation: Operation) -> str:
    """What a governed operation risks, for a terminal."""
    found = assessment_of(operation)
    touched = ", ".join(found.impacted_labels)
    return f"{found.risk.label}. {found.reversibility.label}. Touches: {touched}."


def report_text(operation: Operation) -> str:
    """How an operation ended, for a terminal."""
    seconds = f" in {operation.seconds:.2f} s" if operation.seconds is not None else ""
    lines = [f"{operation}: {operation.get_state_display()}{seconds} (trace {operation.trace_id})"]
    lines.extend(f"  probed {probe['ref']}: {probe['answer']}" for probe in operation.result.get("probes", []))
    if operation.error:
        detail, hint = translated(operation.error)
        lines.append(f"  {operation.error['code']}: {detail}")
        lines.append(f"  {hint}")
    return "\n".join(line for line in lines if line.strip())
