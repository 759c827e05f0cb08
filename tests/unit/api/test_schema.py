"""The description of the API, and its page for people."""

import json
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from hosting.api.reference import description
from hosting.use_cases import USE_CASES
from tests.unit.api.caller import Caller


@pytest.fixture
def document(db: None) -> dict[str, Any]:
    """The description, as a client gets it."""
    answer = Client().get("/api/v1/schema/")
    assert answer["Content-Type"].startswith("application/vnd.oai.openapi+json")
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_it_describes_version_1_under_one_name(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.1"
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_each_use_case_is_an_operation(document: dict[str, Any]) -> None:
    ids = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    named = {name.replace(".", "_") for name in USE_CASES} - {"webhook_create_for_customer"}  # one endpoint for both
    assert named - ids == {"person_reset_second_factor"}  # see NOT_IN_API in tests/unit/test_doors.py


def test_every_operation_tells_its_refusals(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert {"400", "401", "403", "422", "429"} <= set(operation["responses"]), (method, path)
            (scope,) = operation["security"][0]["token"] or ["any:read"]
            assert scope.endswith(":read" if method == "get" else ":write"), (method, path)
            assert operation["description"], (method, path)


def test_bodies_have_examples_that_fit(document: dict[str, Any]) -> None:
    seen = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                schema = {**content["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(example["value"])
                seen += 1
    assert seen > 12


def test_a_problem_fits_its_schema(admin: Caller) -> None:
    schema = description()["components"]["schemas"]["Problem"]
    for answer in (admin.get("customers/9"), admin.post("customers", {}), admin.post("customers", "{")):
        Draft202012Validator(schema).validate(answer.json())


def test_the_reference_for_people_is_a_page_without_script(db: None) -> None:
    page = Client().get("/api/v1/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "<code>/api/v1/services/{id}/suspend</code>" in text
    assert "one of: active, error" in text
    assert "style=" not in text


def test_both_interfaces_have_it(customer_interface: None, db: None) -> None:
    assert Client().get("/api/v1/docs/").status_code == 200
    assert Client().get("/api/v1/schema/").status_code == 200
