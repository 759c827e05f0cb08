"""Carries one operation out: plan, journal, apply, activate, verify, and back again when anything fails."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from hosting.adapters.base import adapter_for
from hosting.choices import OperationKind, OperationState, Phase
from hosting.connections.base import Context, Steps, converse
from hosting.errors import ConnectionFailed, HostingError, OutcomeUnknown
from hosting.failpoints import failpoint
from hosting.models import Node, Operation
from hosting.operations import discovery, failures, issuing, journal
from hosting.operations.activation import activate, context_of
from hosting.operations.intents import is_blocked, open_intent
from hosting.operations.journal import RecordedConnection
from hosting.operations.locks import LeaseLost, claim, guarded_update
from hosting.operations.nodes import connect
from hosting.operations.outcome import finish
from hosting.operations.planner import Goal, goal_before, goal_of, make_plan, observe, probe
from hosting.operations.spans import requested_id, traced
from hosting.state import Change, Package, Plan, Ref, Resource
from hosting.texts import N_
from hosting.transactions import retried
from observability.context import bind_trace
from observability.logging import bind_fields, get_logger
from observability.tracing import own_span, span

#: Seconds until the next try when a node can't be reached; after the last one the operation fails.
RETRY_AFTER = (5, 15, 45, 120, 300)

log = get_logger("operation_apply")


def run(operation_id: UUID) -> Operation | None:
    """Claim a pending operation and carry it out (None: it is not this worker's to do)."""
    operation = claim(operation_id)
    if operation is not None:
        carry_out(operation)
    return operation


def carry_out(operation: Operation) -> None:
    """Carry out an operation that this worker holds. Ends in a final state, in ``planned``, or waiting for a retry."""
    with (
        bind_trace(
            trace_id=operation.trace_id, correlation_id=operation.correlation_id, request_id=operation.request_id
        ),
        own_span("task hosting.tasks.execute", "consumer", requested_id(operation)),
        bind_fields(tenant_id=str(operation.service.customer_id) if operation.service else ""),
    ):
        try:
            failpoint("runner.claimed")
            if operation.attempts > 1:
                log.info(f"attempt {operation.attempts} begins", operation_id=str(operation.pk), status="retrying")
            with span(f"operation {operation.kind}", **_facts_of(operation)) as facts:
                Attempt(operation).go()
                facts |= {"npanel.state": operation.state, "error": (operation.error or {}).get("code", "")}
        except LeaseLost:
            log.warning("another worker took over", operation_id=str(operation.pk), status="partial")
        except (ConnectionFailed, OutcomeUnknown) as error:
            _wait_or_give_up(operation, error)
        except HostingError as error:
            _end_with(operation, error)


class Attempt:
    """One worker's attempt at one operation. It may find changes that an earlier attempt had begun."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.context = context_of(operation)
        self.begun = journal.journalled(operation)

    def go(self) -> None:
        """Do, or (once a failure was journalled) take back."""
        self.connection = RecordedConnection(connect(_node(self.operation)), self.operation)
        journal.mark_unknown(self.operation)
        try:
            if self.operation.phase == Phase.ROLLING_BACK:
                self._roll_back(
                    HostingError(N_("The worker died while it took the operation back."), code="worker_died")
                )
            else:
                self._forward()
        finally:
            self._save_commands()

    def _forward(self) -> None:
        try:
            self._prepare()
            goal = self._goal()
            changes = make_plan(self.connection, goal, self.context)
            if self.operation.kind == OperationKind.ADOPT:
                self._adopt(goal, changes)
                return
            if not self._may_go_on(changes):
                return
            goal, changes = self._with_packages(goal, changes)
            self._apply(changes)
            reloads = self._activate()
            result = self._verify(goal)
        except (ConnectionFailed, OutcomeUnknown, LeaseLost):
            raise
        except HostingError as error:
            self._fail(error)
        except Exception as error:
            log.exception("operation hit a bug", operation_id=str(self.operation.pk), status="failed")
            self._fail(failures.bug(error))
        else:
            self._succeed(goal, {"reloads": reloads, "probes": result})

    def _prepare(self) -> None:
        """What has to be had from elsewhere first; the node shows what proves the wish meanwhile."""
        for goal in issuing.steps(self.operation):
            self._apply(make_plan(self.connection, goal, self.context))
            probe(self.connection, goal, goal.wanted, self.context)

    def _goal(self) -> Goal:
        if self.operation.kind == OperationKind.BOOTSTRAP:
            discovery.discover(_node(self.operation), self.connection, self.context)
        if self.operation.kind == OperationKind.ROLLBACK and self.operation.reverts is not None:
            return goal_before(self.operation, journal.journalled(self.operation.reverts))
        return goal_of(self.operation)

    def _may_go_on(self, changes: Plan) -> bool:
        """Save the plan; stop at it when a person has to approve it, or when it is not the one that was approved."""
        if self.begun and self.operation.kind not in issuing.KINDS:
            return True
        operation = self.operation
        self._save_plan(changes)
        failpoint("runner.planned")
        stale = bool(operation.expected_digest) and operation.expected_digest != changes.digest
        blocked = is_blocked(operation, changes.digest)
        if not operation.needs_approval and not stale and not blocked:
            return True
        self._save_commands()
        self._stop_at_plan(failures.stale() if stale else None)
        return False

    @retried
    def _stop_at_plan(self, error: HostingError | None) -> None:
        """A person has to look at it: to approve it, or (where it is governed) to confirm it."""
        guarded_update(
            self.operation,
            state=OperationState.PLANNED,
            phase=Phase.DONE,
            active_key=None,
            lease_owner="",
            lease_until=None,
            needs_approval=True,
            expected_digest="",
            error=journal.error_json(error) if error else None,
        )
        open_intent(self.operation)

    @retried
    def _save_plan(self, changes: Plan) -> None:
        sealed = [journal.sealed_json(change, self.operation) for change in changes.changes]
        data = {"digest": changes.digest, "counts": changes.counts(), "changes": sealed}
        guarded_update(self.operation, plan=data, plan_digest=changes.digest)

    def _adopt(self, goal: Goal, changes: Plan) -> None:
        """Nothing is done on the node: the facts come to say what it has (so the plan shown is the facts')."""
        self._save_plan(changes.inverse)
        self._save_commands()
        found = changes.inverse.apply({ref: r for ref, r in goal.wanted.items() if ref not in goal.left_alone})
        finish(self.operation, OperationState.SUCCEEDED, observed=found)

    def _with_packages(self, goal: Goal, changes: Plan) -> tuple[Goal, Plan]:
        """Packages first: what they bring along (default sites, PHP versions) is part of the picture from then on."""
        packages = [change for change in changes.changes if change.kind == Package.kind]
        if not packages:
            return goal, changes
        self._enter(Phase.APPLYING)
        self._make(packages)
        goal = self._goal()
        return goal, make_plan(self.connection, goal, self.context)

    def _apply(self, changes: Plan) -> None:
        self._enter(Phase.APPLYING)
        for stage in changes.stages():
            self._make(stage)
            failpoint("runner.stage_done")
        self.begun = journal.journalled(self.operation)

    def _make(self, stage: Sequence[Change], *, backward: bool = False) -> None:
        """Journal a stage as begun, make it in shared round trips, journal what became of it.

        Raises:
            HostingError: the first change of the stage that failed (the others of the stage were made).
        """
        entries = journal.intend(self.operation, stage, backward=backward)
        if not backward:
            failpoint("runner.intended")
        talks = [_apply(change, self.context) for change in stage]
        outcomes = converse(self.connection, talks, context=self.context)
        if not backward:
            failpoint("runner.applied")
        errors = [outcome if isinstance(outcome, HostingError) else None for outcome in outcomes]
        journal.settle(self.operation, entries, errors)
        for error in errors:
            if error is not None:
                raise error

    def _activate(self) -> list[str]:
        self._enter(Phase.ACTIVATING)
        reloads = activate(self.operation, self.connection, self.begun)
        failpoint("runner.activated")
        return reloads

    def _verify(self, goal: Goal) -> list[dict[str, str]]:
        """Observe again (nothing may differ) and use what was changed as a user would.

        An operation that changed nothing has just been observed to be as wanted.
        """
        if not self.begun:
            return []
        self._enter(Phase.VERIFYING)
        self._prove(goal)
        answers = probe(self.connection, goal, {change.ref for change in self.begun}, self.context)
        failpoint("runner.verified")
        return answers

    def _prove(self, goal: Goal) -> Mapping[Ref, Resource]:
        found = observe(self.connection, goal.scope, self.context)
        left = goal.difference(found)
        if left:
            raise HostingError(
                N_(
                    "The node is not as wanted after the change: %(refs)s.",
                    refs=", ".join(str(change.ref) for change in left.changes[:5]),
                ),
                code="not_converged",
                hint=N_(
                    "Something else changes the node, or a daemon did not keep the change. Look at the plan again."
                ),
                permanent=False,
            )
        return found

    def _succeed(self, goal: Goal, result: dict[str, object]) -> None:
        self._save_commands()
        if self.operation.kind == OperationKind.BOOTSTRAP:
            discovery.mark_ready(_node(self.operation), self.connection, self.context)
        adopted = goal.wanted if self.operation.kind == OperationKind.ROLLBACK else None
        finish(self.operation, OperationState.SUCCEEDED, result=result, observed=adopted)

    def _fail(self, error: HostingError) -> None:
        """Nothing was begun: failed. Else: take everything back."""
        self.begun = journal.journalled(self.operation)
        if not self.begun:
            self._save_commands()
            finish(self.operation, OperationState.FAILED, error=error)
            return
        self._enter(Phase.ROLLING_BACK, error=journal.error_json(error))
        failpoint("rollback.begin")
        self._roll_back(error)

    def _roll_back(self, error: HostingError) -> None:
        """Bring back what was there before the first change to each Resource, and prove it."""
        cause = self.operation.error or journal.error_json(error)
        reason = HostingError.from_stored(cause)
        try:
            goal = goal_before(self.operation, self.begun)
            reloads = self._take_back(goal)
        except (ConnectionFailed, OutcomeUnknown, LeaseLost):
            raise
        except HostingError as second:
            self._save_commands()
            finish(self.operation, OperationState.ROLLBACK_FAILED, error=failures.both(self.operation, reason, second))
            return
        failpoint("rollback.verified")
        journal.mark_reverted(self.operation)
        self._save_commands()
        finish(self.operation, OperationState.ROLLED_BACK, error=reason, result={"reloads": reloads})

    def _take_back(self, goal: Goal) -> list[str]:
        back = make_plan(self.connection, goal, self.context)
        for stage in back.stages():
            self._make(stage, backward=True)
        failpoint("rollback.applied")
        undone = [change.inverse for change in reversed(self.begun)]
        reloads = activate(self.operation, self.connection, undone, backward=True)
        self._prove(goal)
        return reloads

    def _enter(self, phase: Phase, **values: object) -> None:
        guarded_update(self.operation, phase=phase, **values)

    def _save_commands(self) -> None:
        if not self.operation.is_final and self.operation.state == OperationState.RUNNING:
            self.connection.save()


def _facts_of(operation: Operation) -> dict[str, Any]:
    return {
        "npanel.operation_id": str(operation.pk),
        "npanel.operation": operation.kind,
        "npanel.node": operation.node.name if operation.node else "",
        "npanel.attempt": operation.attempts,
    }


def _apply(change: Change, context: Context) -> Steps[None]:
    adapter = adapter_for(change.kind)
    return traced("apply", adapter.kind, adapter.apply(change, context))


def _wait_or_give_up(operation: Operation, error: HostingError) -> None:
    """The node can't be reached: try again later, or after the last try say exactly where things stand."""
    log.warning(
        "node not reached",
        operation_id=str(operation.pk),
        error_code=error.code,
        error_message=error.detail,
        status="retrying",
    )
    try:
        journal.mark_unknown(operation)
        if not error.permanent and operation.attempts <= len(RETRY_AFTER):
            _requeue(operation, error)
        elif operation.journal.exists():
            finish(operation, OperationState.ROLLBACK_FAILED, error=failures.unreachable(operation, error))
        else:
            finish(operation, OperationState.FAILED, error=error)
    except LeaseLost:
        log.warning("another worker took over", operation_id=str(operation.pk), status="partial")


def _end_with(operation: Operation, error: HostingError) -> None:
    """It could not be begun (no key, no node), or what was begun could be neither finished nor taken back."""
    if operation.is_final:
        log.error("outcome not announced", operation_id=str(operation.pk), error_code=error.code, status="partial")
    elif operation.journal.exists():
        finish(operation, OperationState.ROLLBACK_FAILED, error=failures.unreachable(operation, error))
    else:
        finish(operation, OperationState.FAILED, error=error)


def _requeue(operation: Operation, error: HostingError) -> None:
    phase = Phase.ROLLING_BACK if operation.phase == Phase.ROLLING_BACK else Phase.QUEUED
    kept = {} if phase == Phase.ROLLING_BACK else {"error": journal.error_json(error)}
    guarded_update(
        operation,
        state=OperationState.PENDING,
        phase=phase,
        active_key=None,
        lease_owner="",
        lease_until=None,
        dispatched_at=None,
        not_before=timezone.now() + timedelta(seconds=RETRY_AFTER[operation.attempts - 1]),
        **kept,
    )


def _node(operation: Operation) -> Node:
    if operation.node is None:
        raise HostingError(N_("The operation's node was deleted."), code="node_gone", hint=N_("Cancel the operation."))
    return operation.node
