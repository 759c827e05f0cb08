"""What people and the worker do all day, told in lines: each has its fields, and each flow has lines of its own."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.keys import ensure_audit_key
from hosting.choices import OperationState
from hosting.management.commands.worker import Worker
from hosting.models import Operation
from hosting.operations import dispatcher
from hosting.services.sites import apply_service
from observability.logging import get_logger
from tests import people
from tests.every_line import faults, looked_at
from tests.factories import make_customer, make_plan
from tests.unit.accounts.doors import sign_in
from tests.unit.api.caller import Caller
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World

__all__ = ["manage"]
pytestmark = pytest.mark.django_db
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told(log_lines: Lines, world: World, manage: Manage) -> list[dict[str, Any]]:
    """The lines of a day: sign-ins, a service, a node that is away, the API, commands, the worker's chores."""
    ensure_audit_key()  # as the worker does when it starts
    client, person = Client(), people.admin()
    sign_in(client, person.email, "not this one")
    sign_in(client, person.email)
    client.get("/admin/no-such-page/")
    service = world.host("example.com", username="alice")
    world.server.refuse()
    failed = apply_service(actor=world.actor, service=service)
    for _attempt in range(6):
        Operation.objects.update(not_before=None)
        world.run(failed)
    world.server.accept()
    assert failed.state == OperationState.FAILED, failed.error
    caller = Caller(person)
    wish = {"customer": make_customer().pk, "plan": make_plan().pk, "node": world.node.pk, "domain": "b.test"}
    assert caller.post("services", wish).status_code < 300
    assert caller.post("services", {"domain": ""}).status_code >= 400
    world.work()
    assert manage("service_plan", "alice", "--json").status == 0
    manage("database_create", "alice", "shop", "--yes")
    for chore, _seconds in Worker()._chores():
        chore()
    dispatcher.dispatch()
    return log_lines()


def test_every_line_has_its_fields(told: list[dict[str, Any]]) -> None:
    """None is without, none has an operation that nobody registered."""
    assert len(told) > 30
    assert [(fault, line) for line in told for fault in faults(line)] == []


def test_every_flow_is_told(told: list[dict[str, Any]]) -> None:
    """The look was at more than one kind of line."""
    operations = {line["operation"] for line in told}
    wanted = {"http_request", "user_login", "user_login_failed", "operation_apply", "command"}
    assert wanted <= operations, operations
    assert {line.get("status") for line in told} >= {"success", "failed", "retrying"}


def test_lines_of_requests_have_address_method_path_and_status(told: list[dict[str, Any]]) -> None:
    """What the timeline shows of a request; no query string."""
    requests = [line for line in told if line["operation"] == "http_request" and line["level"] != "debug"]
    assert requests
    for line in requests:
        assert {"ip", "method", "path", "http_status"} <= line["context"].keys(), line
        assert "duration_ms" in line and "?" not in line["context"]["path"]


@pytest.mark.parametrize(
    "line", [{"operation": "no_such"}, {"status": "odd"}, {"trace_id": "0" * 32}, {"message": ""}, {"extra": 1}]
)
def test_what_would_be_found(line: dict[str, Any], log_lines: Lines) -> None:
    """The look is no blind one."""
    get_logger("dns_sync").info("fine", status="success")
    (fine,) = log_lines()
    assert list(faults(fine)) == [] and list(faults({**fine, **line}))


def test_a_fault_fails_the_test_that_wrote_it() -> None:
    """As the fixture of the whole session does; this logger's lines pass by that one."""
    logger = logging.getLogger("npanel.test.apart")
    logger.propagate = False
    with pytest.raises(AssertionError, match="status is 'odd'"), looked_at(logger.name):
        logger.warning("a line", extra={"status": "odd"})
