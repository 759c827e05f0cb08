"""An outcome that the database itself refuses costs nothing but the event: the caller's transaction commits."""

from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from accounts.models import Customer
from audit import spool
from audit.choices import Outcome
from audit.errors import AuditWriteFailed
from audit.models import Event
from audit.record import record, record_outcome
from hosting.transactions import retried
from tests.unit.audit.refusal import events_refused

from .conftest import ALICE, SITE, TESTED

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS: dict[str, Any] = {"verb": TESTED, "actor": ALICE, "target": SITE, "outcome": Outcome.SUCCEEDED}


def test_the_callers_transaction_lives_on() -> None:
    with events_refused(), transaction.atomic():
        Customer.objects.create(name="before")
        assert record_outcome(**FIELDS, reason="done") is None
        Customer.objects.create(name="after")
        assert Customer.objects.count() == 2
    assert set(Customer.objects.values_list("name", flat=True)) == {"before", "after"}
    assert (spool.waiting(), Event.objects.count()) == (1, 0)
    assert spool.replay().inserted == 1
    assert Event.objects.get().reason == "done"


def test_an_outcome_goes_with_the_transaction_it_is_in() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        assert record_outcome(**FIELDS) is not None
        raise RuntimeError("the rest failed")
    assert (spool.waiting(), Event.objects.count()) == (0, 0)


def test_a_request_that_is_refused_takes_the_transaction_along() -> None:
    with events_refused(), pytest.raises(AuditWriteFailed), transaction.atomic():
        Customer.objects.create(name="before")
        record(**FIELDS)
    assert (spool.waiting(), Customer.objects.count()) == (0, 0)


def test_a_transaction_that_is_lost_as_a_whole_spools_nothing_and_is_tried_again() -> None:
    tries: list[int] = []

    @retried
    def work() -> Event | None:
        tries.append(len(tries))
        Customer.objects.create(name=f"try {len(tries)}")
        if len(tries) == 1:
            with connection.execute_wrapper(_lose_the_transaction):
                return record_outcome(**FIELDS)
        return record_outcome(**FIELDS)

    assert work() is not None
    assert (len(tries), spool.waiting(), Event.objects.count()) == (2, 0, 1)
    assert Customer.objects.get().name == "try 2"


def test_a_lost_transaction_leaves_as_the_databases_own_error() -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.execute_wrapper(_lose_the_transaction):
        record_outcome(**FIELDS)
    assert spool.waiting() == 0


def _lose_the_transaction(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """The fault: a deadlock, after which the database has rolled back everything, savepoints with it."""
    if sql.startswith("INSERT INTO") and "audit_event" in sql:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")
    return execute(sql, params, many, context)
