"""A transaction that the database gave up is tried again; anything else is not, and no half of it stays."""

import pytest
from django.db import OperationalError, transaction

from hosting.models import HostingPlan
from hosting.transactions import retried

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")
TRANSIENT = [DEADLOCK, OperationalError(1205, "Lock wait timeout"), OperationalError("database is locked")]


def failing(errors: list[Exception]) -> list[str]:
    """Make a plan, but fail with each of these errors first; the plans' names that were tried."""
    tried: list[str] = []

    @retried
    def act() -> None:
        tried.append(f"plan {len(tried)}")
        HostingPlan.objects.create(name=tried[-1])
        if errors:
            raise errors.pop(0)

    act()
    return tried


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", TRANSIENT, ids=str)
def test_it_is_tried_again_and_only_the_last_try_stays(error: OperationalError) -> None:
    assert failing([error, error]) == ["plan 0", "plan 1", "plan 2"]
    assert HostingPlan.objects.get().name == "plan 2"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError(2006, "server has gone away"), ValueError("a bug")], ids=str)
def test_what_would_fail_again_is_not_tried_again(error: Exception) -> None:
    errors = [error, error]
    with pytest.raises(type(error)):
        failing(errors)
    assert len(errors) == 1 and not HostingPlan.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_never_stops_is_given_up() -> None:
    errors: list[Exception] = [DEADLOCK] * 50
    with pytest.raises(OperationalError):
        failing(errors)
    assert 30 < len(errors) < 49


@pytest.mark.django_db
def test_inside_another_transaction_it_is_tried_once_and_leaves_nothing() -> None:
    errors: list[Exception] = [DEADLOCK, DEADLOCK]
    with transaction.atomic():
        with pytest.raises(OperationalError):
            failing(errors)
        assert len(errors) == 1 and not HostingPlan.objects.exists()
