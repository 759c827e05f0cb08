"""What the checks said is kept: a row for each change, closed when it is over, forgotten in the end."""

import datetime
from typing import Any

import pytest
from django.utils import timezone

from observability.health import history
from observability.health.base import Result, Status
from observability.health.runner import HealthReport, Report
from observability.models import HealthPeriod

pytestmark = pytest.mark.django_db


def said(status: Status, node: str = "web-1", check: str = "ssh") -> HealthReport:
    """A run with one answer."""
    return HealthReport([Report(check, node, Result(status, f"it is {status}", {}, "look"), 0.02)])


def told(mover: Any, *steps: tuple[int, Status]) -> list[tuple[str, float]]:
    """Run at each of these seconds; the periods that were kept, with their lengths."""
    start = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    for seconds, status in steps:
        mover.move_to(start + datetime.timedelta(seconds=seconds))
        history.remember(said(status))
    rows = HealthPeriod.objects.order_by("began_at")
    return [(row.status, (row.seen_at - row.began_at).total_seconds()) for row in rows]


def test_a_change_is_a_row_and_the_same_is_none(time_machine: Any) -> None:
    steps = [(second, Status.UP) for second in range(0, 120, 15)]
    rows = told(time_machine, *steps, (120, Status.DOWN), (135, Status.DOWN), (150, Status.UP))
    assert rows == [("up", 120), ("down", 30), ("up", 0)]
    (now,) = history.current()
    assert (now.status, now.summary, now.advice) == ("up", "it is up", "look")


def test_a_time_in_which_nobody_looked_is_not_told(time_machine: Any) -> None:
    assert told(time_machine, (0, Status.UP), (60, Status.UP), (4000, Status.UP)) == [("up", 60), ("up", 0)]
    states = [slot.status for slot in history.strips(history.current())[("ssh", "web-1")]]
    assert states.count("up") == 2
    assert states[-2] == ""


def test_what_nobody_says_again_is_not_current(time_machine: Any) -> None:
    told(time_machine, (0, Status.DOWN))
    time_machine.move_to(timezone.now() + 2 * history.FRESH)
    assert history.current() == []
    history.remember(said(Status.UP, node="web-2"))
    assert [row.node for row in history.current()] == ["web-2"], "a node that was removed is gone"
    assert HealthPeriod.objects.filter(node="web-1", open_key=None).count() == 1


def test_two_workers_write_one_row() -> None:
    history.remember(said(Status.UP))
    late = HealthPeriod(check_name="ssh", node="web-1", status="up", open_key="ssh|web-1")
    late.began_at = late.seen_at = timezone.now()
    HealthPeriod.objects.bulk_create([late], ignore_conflicts=True)
    assert HealthPeriod.objects.count() == 1


def test_the_worst_of_half_an_hour_is_shown(time_machine: Any) -> None:
    told(time_machine, (0, Status.UP), (15, Status.DOWN), (30, Status.UP))
    assert history.strips(history.current())[("ssh", "web-1")][-1].status == "down"


def test_old_periods_are_forgotten_and_open_ones_stay(time_machine: Any, settings: Any) -> None:
    told(time_machine, (0, Status.UP), (15, Status.DOWN))
    settings.NPANEL_HEALTH_HISTORY_DAYS = 1
    time_machine.move_to(timezone.now() + datetime.timedelta(days=3))
    assert history.forget_old() == 1
    assert [row.status for row in HealthPeriod.objects.all()] == ["down"]


def test_secrets_are_not_kept() -> None:
    report = HealthReport([Report("database", "", Result.down("mysql://npanel:hunter2@db/x", advice=""), 0.1)])
    history.remember(report)
    assert "hunter2" not in HealthPeriod.objects.get().summary


def test_a_clock_that_was_put_back_makes_nothing_current(time_machine: Any) -> None:
    """What was seen a day ahead says nothing now, whether somebody looks again or the target is gone."""
    told(time_machine, (86_400, Status.UP))
    history.remember(said(Status.UP, node="gone"))
    time_machine.move_to(datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC))
    assert history.current() == []
    history.remember(said(Status.UP))
    assert [row.node for row in history.current()] == ["web-1"]
    assert (looked := history.last_look()) is not None and looked <= timezone.now()
