"""Every refusal is a problem document that says what happened, and no failure shows what is inside."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from hosting.api.codes import MEANINGS, STATUSES, status_of
from hosting.models import HostingPlan
from tests import factories, people
from tests.unit.api.caller import Caller, ask, code
from tests.unit.audit.refusal import events_refused, table_away

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "hint", "errors", "trace_id"}


def test_a_problem_has_all_its_members(admin: Caller) -> None:
    answer = admin.post("customers", {"name": "", "email": "no address"})
    body = answer.json()
    assert code(answer) == (422, "invalid")
    assert set(body) == MEMBERS
    assert body["type"] == "/api/v1/errors/invalid"
    assert (body["title"], body["instance"]) == ("Unprocessable Entity", "/api/v1/customers")
    assert body["trace_id"] == answer["X-Trace-Id"]
    assert [error["field"] for error in body["errors"]] == ["name", "email"]


def test_what_a_service_refuses_keeps_its_code_hint_and_field(admin: Caller) -> None:
    factories.make_customer(name="Taken")
    answer = admin.post("customers", {"name": "Taken"})
    assert code(answer) == (422, "invalid")
    assert answer.json()["errors"] == [{"field": "name", "code": "invalid", "detail": "name: This name is taken."}]
    plan = factories.make_plan(domains=0)
    data = {
        "customer": factories.make_customer().pk,
        "node": factories.make_node().pk,
        "plan": plan.pk,
        "domain": "x.test",
    }
    full = admin.post("services", data)
    assert code(full) == (409, "limit_reached")
    assert full.json()["hint"] == "Remove one, or ask for a larger limit."


def test_states(admin: Caller) -> None:
    service = factories.make_service()
    assert code(admin.post(f"services/{service.pk}/resume")) == (409, "wrong_state")
    assert code(admin.delete(f"plans/{service.plan_id}")) == (409, "plan_in_use")
    operation = factories.make_operation(service=service)
    assert code(admin.post(f"operations/{operation.pk}/approve", {"digest": "other"})) == (409, "stale_plan")


@pytest.mark.parametrize(
    ("method", "path", "data", "headers", "expected"),
    [
        ("POST", "customers", "{", {}, (400, "bad_json")),
        ("POST", "customers", "[]", {}, (422, "invalid")),
        ("POST", "customers", "null", {}, (422, "invalid")),
        ("POST", "customers", "{}", {"Content_Type": "text/plain"}, (415, "unsupported_media_type")),
        ("GET", "customers", None, {"Accept": "application/xml"}, (406, "not_acceptable")),
        ("PUT", "customers", "{}", {}, (405, "method_not_allowed")),
        ("DELETE", "customers", None, {}, (405, "method_not_allowed")),
        ("GET", "customers/999999", None, {}, (404, "not_found")),
        ("GET", "customers/99999999999999999999999", None, {}, (404, "not_found")),
        ("GET", "customers/none", None, {}, (404, "not_found")),
        ("GET", "operations/1", None, {}, (404, "not_found")),
        ("GET", "planets", None, {}, (404, "not_found")),
        ("POST", "planets", "{}", {}, (404, "not_found")),
        ("GET", "", None, {}, (404, "not_found")),
        ("GET", "customers?cursor=made-up", None, {}, (400, "bad_cursor")),
        ("GET", "customers?reseller=x", None, {}, (422, "invalid")),
        ("GET", "customers?reseller=99999999999999999999", None, {}, (422, "invalid")),
        ("GET", "services?state=flying", None, {}, (422, "invalid")),
        ("POST", "customers?plan=1", '{"name": "x"}', {}, (422, "no_plan")),
        ("POST", "customers?plan=maybe", '{"name": "x"}', {}, (422, "no_plan")),
    ],
)
def test_requests_that_make_no_sense(
    admin: Caller, method: str, path: str, data: str | None, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    content_type = headers.pop("Content_Type", "application/json")
    answer = admin.client.generic(
        method,
        f"/api/v1/{path}",
        data or "",
        headers={"Authorization": f"Bearer {admin.token}", **headers},
        content_type=content_type,
    )
    assert code(answer) == expected


def test_other_addresses_below_api(db: None) -> None:
    for path in ("/api/v2/customers", "/api/x", "/v1/planets"):
        assert code(Client().get(path)) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_what_breaks_shows_nothing_of_itself(admin: Caller) -> None:
    admin.client.raise_request_exception = False
    with table_away("hosting_hostingplan"):
        answer = admin.post("plans", {"name": "x"})
    assert code(answer) == (500, "internal_error")
    assert "hostingplan" not in answer.content.decode()
    assert answer.json()["trace_id"] == answer["X-Trace-Id"]


@pytest.mark.django_db(transaction=True)
def test_without_a_record_nothing_is_changed(admin: Caller) -> None:
    with events_refused():
        answer = admin.post("plans", {"name": "x"})
    assert code(answer) == (503, "audit_unavailable")
    assert answer["Retry-After"] == "10"
    assert not HostingPlan.objects.exists()


def test_a_body_that_is_too_large(admin: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    data = {"name": "x", "notes": "n" * 2000}
    assert code(admin.post("customers", data, Idempotency_Key="k")) == (413, "body_too_large")


def test_each_code_has_a_page(db: None) -> None:
    page = Client().get("/api/v1/errors/limit_reached")
    assert page.status_code == 200
    assert "409" in page.content.decode()
    assert "limit_reached" in Client().get("/api/v1/errors/").content.decode()
    assert Client().get("/api/v1/errors/nothing").status_code == 404


def test_each_code_of_the_services_has_a_status_on_purpose() -> None:
    root = Path(__file__).resolve().parents[3] / "hosting"
    sources = [*root.glob("services/*.py"), *root.glob("models/*.py"), root / "policies.py", root / "names.py"]
    found = {name for source in sources for name in re.findall(r'code="([a-z_]+)"', source.read_text())}
    not_of_the_api = {"bad_path", "too_large"}  # uploads are the worker's, by manage.py site_upload
    of_fields = {"blank"}  # Django's own, which leaves as "invalid"
    assert found - set(STATUSES) == not_of_the_api | of_fields
    assert status_of("something_new") == 422


def test_an_anonymous_address_is_throttled(db: None, settings: Any) -> None:
    settings.NPANEL_API_RATE_ADDRESS = "2/min"
    assert [ask(Client(), "GET", "me").status_code for _ in range(3)] == [401, 401, 429]
    settings.NPANEL_API_RATE_TOKEN = "1/min"
    caller = Caller(people.admin())
    caller.get("me")
    answer = caller.get("me")
    assert code(answer) == (429, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 61


def test_the_guide_lists_the_codes_as_they_are() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d+) \| (.+) \|$", guide, re.MULTILINE)
    assert {name: (int(status), text) for name, status, text in rows} == {
        name: (STATUSES[name], str(meaning)) for name, meaning in MEANINGS.items()
    }
