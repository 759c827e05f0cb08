"""Which operations go to the queue, when, and in one transaction with the mark that they did."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from hosting.choices import OperationState
from hosting.models import HostingService, Operation
from hosting.operations.dispatcher import TASK, dispatch, due
from hosting.operations.recovery import LOST_AFTER, redispatch_lost
from hosting.services.sites import apply_service
from tests.factories import make_operation, make_service
from tests.people import operator
from tests.unit.audit.refusal import rows_refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("worker")]


def handed_over() -> list[str]:
    """Ids of the operations whose tasks are in the queue, in its order."""
    return [SignedPackage.loads(row.payload)["args"][0] for row in OrmQ.objects.order_by("pk")]


def asked(service: HostingService, minutes_ago: float, **fields: Any) -> Operation:
    """An operation that was asked for some time ago."""
    operation = make_operation(service=service, **fields)
    Operation.objects.filter(pk=operation.pk).update(created_at=timezone.now() - timedelta(minutes=minutes_ago))
    operation.refresh_from_db()
    return operation


def test_a_task_is_one_function_and_one_uuid_signed() -> None:
    operation = make_operation()
    assert dispatch() == 1
    task = SignedPackage.loads(OrmQ.objects.get().payload)
    assert (task["func"], task["args"], task["kwargs"]) == (TASK, (str(operation.pk),), {})
    assert UUID(task["args"][0]) == operation.pk
    assert not set(task) & {"hook", "chain", "group", "cached", "sync"}
    operation.refresh_from_db()
    assert operation.dispatched_at is not None


def test_what_was_handed_over_is_not_handed_over_again() -> None:
    make_operation()
    assert (dispatch(), dispatch()) == (1, 0)
    assert len(handed_over()) == 1


def test_the_oldest_of_each_target_goes_first() -> None:
    one, other = make_service(), make_service()
    second = asked(one, 1)
    first = asked(one, 5)
    alone = asked(other, 3)
    assert dispatch() == 2
    assert handed_over() == [str(first.pk), str(alone.pk)]
    Operation.objects.filter(pk=first.pk).update(state=OperationState.SUCCEEDED)
    assert dispatch() == 1 and handed_over()[-1] == str(second.pk)


def test_a_busy_target_waits_and_others_do_not() -> None:
    busy, free = make_service(), make_service()
    running = asked(busy, 5, state=OperationState.RUNNING)
    waiting = asked(busy, 1)
    other = asked(free, 1)
    assert dispatch() == 1 and handed_over() == [str(other.pk)]
    Operation.objects.filter(pk=running.pk).update(state=OperationState.FAILED)
    assert dispatch() == 1 and handed_over()[-1] == str(waiting.pk)


def test_a_service_and_its_node_are_two_targets() -> None:
    service = make_service()
    asked(service, 5, state=OperationState.RUNNING, target_key=f"node:{service.node_id}")
    asked(service, 1)
    assert dispatch() == 1


@pytest.mark.parametrize("state", [state for state in OperationState if state != OperationState.PENDING])
def test_only_what_waits_is_handed_over(state: OperationState) -> None:
    make_operation(state=state)
    assert dispatch() == 0


def test_a_plan_that_waits_for_a_person_holds_nobody_up() -> None:
    service = make_service()
    asked(service, 5, state=OperationState.PLANNED)
    asked(service, 1)
    assert dispatch() == 1


def test_what_is_not_due_waits_with_everything_behind_it() -> None:
    service, other = make_service(), make_service()
    later = asked(service, 5, not_before=timezone.now() + timedelta(minutes=5))
    asked(service, 1)
    alone = asked(other, 1, not_before=timezone.now() - timedelta(seconds=1))
    assert dispatch() == 1 and handed_over() == [str(alone.pk)]
    Operation.objects.filter(pk=later.pk).update(not_before=timezone.now() - timedelta(seconds=1))
    assert dispatch() == 1 and handed_over()[-1] == str(later.pk)


def test_what_the_queue_lost_is_handed_over_again() -> None:
    lost, fresh, running = make_operation(), make_operation(), make_operation(state=OperationState.RUNNING)
    long_ago = timezone.now() - timedelta(seconds=LOST_AFTER + 1)
    Operation.objects.filter(pk__in=[lost.pk, running.pk]).update(dispatched_at=long_ago)
    Operation.objects.filter(pk=fresh.pk).update(dispatched_at=timezone.now())
    assert dispatch() == 0
    assert redispatch_lost() == 1
    assert dispatch() == 1 and handed_over() == [str(lost.pk)]


def test_a_rolled_back_dispatch_leaves_neither_mark_nor_task() -> None:
    operation = make_operation()

    class Crash(Exception):
        pass

    with pytest.raises(Crash), transaction.atomic():
        assert dispatch() == 1
        assert OrmQ.objects.count() == 1
        raise Crash
    operation.refresh_from_db()
    assert operation.dispatched_at is None and not OrmQ.objects.exists()
    assert dispatch() == 1


@pytest.mark.django_db(transaction=True)
def test_a_task_that_can_not_be_written_leaves_no_mark() -> None:
    first, second = make_operation(), make_operation()
    full = rows_refused("django_q_ormq", "(SELECT COUNT(*) FROM django_q_ormq) > 0", words="no space left on device")
    with full, pytest.raises(DatabaseError, match="no space"):
        dispatch()
    assert not OrmQ.objects.exists()
    assert not Operation.objects.exclude(dispatched_at=None).exists()
    assert {first.pk, second.pk} == set(due().values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_the_worker_is_rung_when_the_wish_is_committed_and_not_before(settings: Any) -> None:
    from hosting.operations.doorbell import Doorbell

    service, bell = make_service(), Doorbell()

    def rang() -> bool:
        bell._socket.setblocking(False)
        try:
            bell._socket.recv(1)
        except BlockingIOError:
            return False
        return True

    try:
        with transaction.atomic():
            apply_service(actor=operator(), service=service)
            assert not rang()
        assert rang()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            apply_service(actor=operator(), service=service)
            raise ZeroDivisionError
        assert not rang()
    finally:
        bell.close()
    apply_service(actor=operator(), service=service)  # nobody listens: no error
    assert not settings.NPANEL_DOORBELL.exists()


@pytest.mark.parametrize("count", [1, 40])
def test_the_dispatchers_queries_grow_only_by_the_two_of_each_task(
    count: int, settings: Any, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    settings.NPANEL_WORKERS = count
    for _n in range(count):
        make_operation()
    with django_assert_max_num_queries(4 + 2 * count):  # savepoint and its release, two looks; then mark and task
        assert dispatch() == count


def test_the_queue_holds_only_what_the_workers_will_take_soon(settings: Any) -> None:
    settings.NPANEL_WORKERS = 1
    for _n in range(10):
        make_operation()
    first = dispatch()
    assert 0 < first < 10 and dispatch() == 0
    Operation.objects.filter(pk=handed_over()[0]).update(state=OperationState.SUCCEEDED)
    assert dispatch() == 1


def test_looking_for_nothing_is_two_queries(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    make_operation(state=OperationState.SUCCEEDED)
    with django_assert_max_num_queries(4):
        assert dispatch() == 0
