"""The one way in which tests carry out a governed operation: plan it, confirm it as its asker would, carry it out."""

from audit.actor import Actor
from hosting.choices import OperationState
from hosting.models import Operation
from hosting.operations import runner
from hosting.services.intents import confirm_intent, prepare_again

REASON = "because the test says so"


def planned(operation: Operation) -> Operation:
    """The operation with its plan, as it waits for its confirmation."""
    operation.refresh_from_db()
    if operation.state == OperationState.PENDING:
        runner.run(operation.pk)
        operation.refresh_from_db()
    assert operation.state == OperationState.PLANNED, operation.error
    return operation


def confirm(operation: Operation, actor: Actor) -> Operation:
    """Confirm a planned operation; it waits for a worker then."""
    token = prepare_again(actor=actor, operation=planned(operation))
    return confirm_intent(actor=actor, operation=operation, token=token, digest=operation.plan_digest, reason=REASON)


def carry_out_confirmed(operation: Operation, actor: Actor) -> Operation:
    """Plan, confirm and carry out."""
    runner.run(confirm(operation, actor).pk)
    operation.refresh_from_db()
    return operation
