"""At the same moment one confirmation, cancellation or expiry wins, and one worker makes each operation."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hosting.choices import BulkItemState, IntentState, OperationKind, OperationState
from hosting.models import BulkItem, Intent, Operation
from hosting.operations.intents import LIFE
from hosting.services import bulk
from hosting.services.intents import confirm_intent, expire_intents, issue_token
from hosting.services.operations import cancel_operation
from tests.factories import make_operation, make_service
from tests.people import operator
from tests.unit.services.together import codes, together, won

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6


def waiting() -> tuple[Operation, str]:
    """A planned deletion with its token."""
    operation = make_operation(kind=OperationKind.DELETE, state=OperationState.PLANNED, plan_digest="d" * 64)
    Intent.objects.create(
        operation=operation, risk="high", reversibility="requires_restore", digest="d" * 64,
        expires_at=timezone.now() + LIFE,
    )  # fmt: skip
    return operation, issue_token(actor=operator(), operation=operation)


def confirm(operation: Operation, token: str) -> Operation:
    fresh = Operation.objects.get(pk=operation.pk)
    return confirm_intent(actor=operator(), operation=fresh, token=token, digest="d" * 64, reason="because")


def state(operation: Operation) -> str:
    operation.refresh_from_db()
    return operation.state


def test_of_two_confirmations_one_wins() -> None:
    for _round in range(ROUNDS):
        operation, token = waiting()
        results = together([lambda o=operation, t=token: confirm(o, t) for _n in range(3)])
        assert len(won(results)) == 1 and codes(results) == ["intent_closed"] * 2
        assert state(operation) == OperationState.PENDING


def test_a_confirmation_or_a_cancellation_wins() -> None:
    for _round in range(ROUNDS):
        operation, token = waiting()
        together(
            [
                lambda o=operation, t=token: confirm(o, t),
                lambda o=operation: cancel_operation(actor=operator(), operation=Operation.objects.get(pk=o.pk)),
            ]
        )
        intent = Intent.objects.get(operation=operation)
        # A pending operation can still be cancelled, so the confirmation may have been first.
        assert state(operation) == OperationState.CANCELLED
        assert intent.state in (IntentState.CANCELLED, IntentState.CONFIRMED)


def test_a_confirmation_or_the_expiry_wins_and_never_both() -> None:
    for _round in range(ROUNDS):
        operation, token = waiting()
        soon = timezone.now() + timedelta(milliseconds=15)
        Intent.objects.filter(operation=operation).update(expires_at=soon)
        together(
            [
                lambda o=operation, t=token: confirm(o, t),
                *[lambda: [expire_intents(actor=operator()) for _n in range(20)] for _m in range(2)],
            ]
        )
        ended = (Intent.objects.get(operation=operation).state, state(operation))
        assert ended in (
            (IntentState.CONFIRMED, OperationState.PENDING),
            (IntentState.EXPIRED, OperationState.CANCELLED),
            (IntentState.WAITING, OperationState.PLANNED),
        )
        Intent.objects.filter(operation=operation).delete()


def test_two_workers_make_one_operation_for_each_row() -> None:
    services = [make_service() for _n in range(6)]
    run = bulk.start_bulk(actor=operator(), kind=OperationKind.SUSPEND, services=services)
    together([lambda: bulk.advance_all() for _n in range(3)])
    while bulk.advance(run):
        pass
    assert Operation.objects.count() == 6
    assert set(BulkItem.objects.values_list("state", flat=True)) == {BulkItemState.STARTED}
