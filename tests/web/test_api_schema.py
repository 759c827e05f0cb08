"""The description of the API against the API itself: whatever it allows is tried, as three people.

Also what it does not allow: wrong types, missing fields, hostile texts. No answer is a 5xx, and each fits its schema.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hosting.api.reference import description
from hosting.models import Database, DatabaseUser, DnsRecord, DriftItem, Webhook, WebhookDelivery
from npanel.interfaces import interface_settings
from npanel.wsgi import application
from tests import factories, people
from tests.unit.api.caller import token_for
from tests.web import rows

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: What a node would have to answer: the worker's tests and the live ones have one.
NOT_TRIED = {"node_authorize"}
EXAMPLES = 6
EVENT = "operation.finished"


class Undone(Exception):
    """Ends a try, so that the next one finds everything as it was."""


def _application(environ: dict[str, Any], start_response: Any) -> Any:
    """The panel as a server would call it, but that the test's own connection to the database is kept."""
    for sent in (request_started, request_finished):
        sent.disconnect(close_old_connections)
    try:
        return application(environ | {"REMOTE_ADDR": "127.0.0.1"}, start_response)
    finally:
        request_started.connect(close_old_connections)


@pytest.fixture
def panel(db: None, settings: Any) -> Iterator[dict[str, Any]]:
    """One of everything, by the name of its resource; and no throttle."""
    settings.NPANEL_API_RATE_TOKEN = settings.NPANEL_API_RATE_ADDRESS = "100000/s"
    settings.ALLOWED_HOSTS = ["*"]
    customer = factories.make_customer(reseller=factories.make_reseller())
    plan = factories.make_plan(reseller=customer.reseller)
    service = factories.make_service(customer=customer, plan=plan)
    domain = factories.make_domain(service, "example.test", is_primary=True)
    name = {"service": service, "name": f"{service.username}_shop"}
    hook = Webhook.objects.create(url="https://x.test", events=[EVENT], secret_sealed="x", customer=customer)
    yield {
        "customers": customer.pk,
        "resellers": customer.reseller_id,
        "plans": plan.pk,
        "nodes": service.node_id,
        "services": service.pk,
        "domains": domain.pk,
        "certificates": rows.certificate(domain).pk,
        "records": DnsRecord.objects.create(domain=domain, name="www", type="A", content="192.0.2.7").pk,
        "databases": Database.objects.create(**name).pk,
        "database-users": DatabaseUser.objects.create(**name, password_hash="*" + "A" * 40).pk,
        "operations": factories.make_operation(service=service).pk,
        "drift": DriftItem.objects.create(
            node=service.node, service=service, adapter="nginx", kind="virtual_host", key="example.test", change={},
            first_seen_at=timezone.now(), last_seen_at=timezone.now(),
        ).pk,
        "webhooks": hook.pk,
        "webhook-deliveries": WebhookDelivery.objects.create(
            webhook=hook, event=EVENT, payload={}, next_at=timezone.now()
        ).pk,
    }  # fmt: skip
    request_finished.connect(close_old_connections)


def _people() -> dict[str, tuple[str, Callable[[], Any]]]:
    from accounts.models import Customer

    return {
        "operator": ("admin", people.admin),
        "customer": ("customer", lambda: people.member(Customer.objects.get())),
        "reseller": ("customer", lambda: people.reseller(Customer.objects.get().reseller)),  # type: ignore[arg-type]
    }


@pytest.mark.slow
@pytest.mark.parametrize("person", ["operator", "customer", "reseller"])
def test_the_api_answers_as_described(panel: dict[str, Any], settings: Any, person: str) -> None:
    interface, who = _people()[person]
    settings.NPANEL_INTERFACE = interface
    for name, value in interface_settings(interface).items():
        setattr(settings, name, value)
    row, token = token_for(who())
    schema = schemathesis.openapi.from_dict(description())
    schema.app = _application
    statuses: Counter[int] = Counter()
    known = panel | {"tokens": row.pk}
    found = [_try_all(operation, token, known, statuses) for operation in _operations(schema)]
    assert len(found) > 60
    assert "\n".join(filter(None, found)) == ""
    assert statuses.total() > 200
    assert sum(count for status, count in statuses.items() if status < 300) > 40, statuses


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw["operationId"] not in NOT_TRIED:
            yield operation


def _try_all(operation: Any, token: str, known: dict[str, Any], statuses: Counter[int]) -> str:
    """What was wrong with the answers to some requests, or nothing."""

    @seed(3)
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def attempt(case: Any) -> None:
        _aim(case, known, statuses.total())
        try:
            with transaction.atomic():
                answer = case.call(headers={"Authorization": f"Bearer {token}"})
                statuses[answer.status_code] += 1
                case.validate_response(answer, checks=CHECKS)
                raise Undone
        except Undone:
            return

    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - all of the API is tried, then all is told
        return f"{operation.label}: {_told(error)}"
    return ""


def _aim(case: Any, known: dict[str, Any], number: int) -> None:
    """Let most requests meet things that exist; made-up ids alone would test little but 404."""
    if isinstance(case.query, dict):
        case.query.pop("wait", None)  # waiting is tested where it has something to wait for
    if number % 3 == 0:
        return
    resource = case.path.removeprefix("/api/v1/").partition("/")[0]
    if "id" in (case.path_parameters or {}) and resource in known:
        case.path_parameters["id"] = str(known[resource])
    if isinstance(case.body, dict):
        for name in case.body:
            if f"{name}s" in known and number % 3 == 1:
                case.body[name] = known[f"{name}s"]


def _told(error: BaseException) -> str:
    """An error with those inside of it."""
    inner = getattr(error, "exceptions", ())
    return "\n".join(_told(one) for one in inner) if inner else f"{type(error).__name__}: {error}"[:1500]
