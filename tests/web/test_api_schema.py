"""The description of the API against the API itself: whatever it allows is tried, as three people.

Also what it does not allow: wrong types, missing fields, hostile texts. No answer is a 5xx, and each fits its schema.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
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
from hosting.models import DnsRecord, Webhook
from npanel.interfaces import interface_settings
from npanel.wsgi import application
from tests import factories, people
from tests.unit.api.caller import token_for

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
def panel(db: None, settings: Any) -> Iterator[None]:
    """One of everything, and no throttle."""
    settings.NPANEL_API_RATE_TOKEN = settings.NPANEL_API_RATE_ADDRESS = "100000/s"
    settings.ALLOWED_HOSTS = ["*"]
    customer = factories.make_customer(reseller=factories.make_reseller())
    service = factories.make_service(customer=customer)
    domain = factories.make_domain(service, "example.test", is_primary=True)
    DnsRecord.objects.create(domain=domain, name="www", type="A", content="192.0.2.7")
    factories.make_operation(service=service)
    Webhook.objects.create(url="https://x.test", events=["operation.finished"], secret_sealed="x", customer=customer)
    yield
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
def test_the_api_answers_as_described(panel: None, settings: Any, person: str) -> None:
    interface, who = _people()[person]
    settings.NPANEL_INTERFACE = interface
    for name, value in interface_settings(interface).items():
        setattr(settings, name, value)
    _row, token = token_for(who())
    schema = schemathesis.openapi.from_dict(description())
    schema.app = _application
    found = [_try_all(operation, token) for operation in _operations(schema)]
    assert len(found) > 60
    assert "\n".join(filter(None, found)) == ""


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw["operationId"] not in NOT_TRIED:
            yield operation


def _try_all(operation: Any, token: str) -> str:
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
        if isinstance(case.query, dict):
            case.query.pop("wait", None)  # waiting is tested where it has something to wait for
        try:
            with transaction.atomic():
                case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
                raise Undone
        except Undone:
            return

    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - all of the API is tried, then all is told
        return f"{operation.label}: {_told(error)}"
    return ""


def _told(error: BaseException) -> str:
    """An error with those inside of it."""
    inner = getattr(error, "exceptions", ())
    return "\n".join(_told(one) for one in inner) if inner else f"{type(error).__name__}: {error}"[:1500]
