"""What the health check of the queue and the gauges of a scrape are told, each by one statement."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hosting import signals_of_life
from hosting.choices import NodeState, OperationState
from hosting.models import HostingService, Operation
from tests.web import rows

pytestmark = pytest.mark.django_db


def waiting(service: HostingService, minutes: float, **fields: Any) -> Operation:
    """An operation that has waited for so long."""
    asked = timezone.now() - timedelta(minutes=minutes)
    return rows.operation(service, state=OperationState.PENDING, at=asked, **fields)


def gauges() -> dict[str, float]:
    """What a scrape gets; of the differences, those of the first node's PHP."""
    return {
        sample.name: sample.value
        for sample in signals_of_life._gauges()
        if sample.labels in ({}, {"node": "web-1", "adapter": "php_fpm"})
    }


def test_what_waits_and_what_a_free_worker_could_take_are_two_numbers(django_assert_num_queries: Any) -> None:
    """Not free: a later try, a node that is paused, a target that another operation works on."""
    node, paused = rows.node("web-1"), rows.node("web-2", state=NodeState.PAUSED)
    free, busy = rows.service("anna", "anna.example", node=node), rows.service("bert", "bert.example", node=node)
    waiting(free, 2)
    waiting(free, 9, not_before=timezone.now() + timedelta(minutes=1))
    waiting(rows.service("carl", "carl.example", node=paused), 9)
    rows.operation(busy, state=OperationState.RUNNING)
    waiting(busy, 9)
    with django_assert_num_queries(1):
        found = signals_of_life.backlog()
    assert found.waiting == 1 and 119 < found.oldest_seconds < 200
    told = gauges()
    assert told["npanel_operations_pending"] == 4
    assert 119 < told["npanel_operation_queue_age_seconds"] < 200


def test_an_operation_whose_node_is_gone_waits_too() -> None:
    """It has waited since its last try could begin, not since it was asked for."""
    made = waiting(rows.service("anna", "anna.example", node=rows.node("web-1")), 60)
    Operation.objects.filter(pk=made.pk).update(node=None, not_before=timezone.now() - timedelta(minutes=1))
    found = signals_of_life.backlog()
    assert found.waiting == 1 and 59 < found.oldest_seconds < 120


def test_differences_are_the_same_by_node_and_by_adapter() -> None:
    """What was repaired counts nowhere; a node without any has a number all the same."""
    service = rows.service("anna", "anna.example", node=rows.node("web-1"))
    assert signals_of_life._drift_by_node() == {}
    assert gauges()["npanel_drift_resources"] == 0
    rows.drift(service)
    rows.drift(service, adapter="nginx", kind="virtual_host", key="anna.example", open_key="1:virtual_host:anna")
    rows.drift(service, state="repaired", open_key=None)
    assert signals_of_life._drift_by_node() == {"web-1": 2}
    assert gauges()["npanel_drift_resources"] == 1
