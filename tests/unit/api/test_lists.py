"""Lists: pages, filters and order."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.unit.api.caller import Caller, code


def _walk(caller: Caller, path: str) -> list[list[Any]]:
    """The ids on each page, following next."""
    pages = []
    while path:
        body = caller.get(path).json()
        pages.append([row["id"] for row in body["results"]])
        path = (body["next"] or "").rpartition("/api/v1/")[2]
    return pages


def test_pages_hold_every_row_once(admin: Caller) -> None:
    made = [factories.make_customer().pk for _ in range(7)]
    pages = _walk(admin, "customers?limit=3")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [pk for page in pages for pk in page] == sorted(made, reverse=True)


def test_a_row_added_meanwhile_shifts_nothing(admin: Caller) -> None:
    made = [factories.make_customer().pk for _ in range(4)]
    first = admin.get("customers?limit=2").json()
    factories.make_customer()
    second = admin.get(first["next"].rpartition("/api/v1/")[2]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == sorted(made, reverse=True)
    back = admin.get(second["previous"].rpartition("/api/v1/")[2]).json()
    assert [row["id"] for row in back["results"]] == [row["id"] for row in first["results"]]


def test_order(admin: Caller) -> None:
    for name in ("b", "c", "a"):
        factories.make_customer(name=name)
    found = admin.get("customers?ordering=name&limit=2").json()
    assert [row["name"] for row in found["results"]] == ["a", "b"]
    rest = admin.get(found["next"].rpartition("/api/v1/")[2]).json()
    assert [row["name"] for row in rest["results"]] == ["c"]
    by_notes = admin.get("customers?ordering=notes").json()  # no index: the list's own order
    assert [row["name"] for row in by_notes["results"]] == ["a", "c", "b"]


def test_a_cursor_is_good_for_its_own_list_and_order(admin: Caller) -> None:
    for _ in range(3):
        factories.make_service()
    cursor = admin.get("customers?limit=1").json()["next"].partition("cursor=")[2].partition("&")[0]
    assert code(admin.get(f"services?limit=1&cursor={cursor}")) == (400, "bad_cursor")
    assert code(admin.get(f"customers?limit=1&ordering=name&cursor={cursor}")) == (400, "bad_cursor")


def test_a_page_has_a_largest_size(admin: Caller) -> None:
    assert len(admin.get("customers?limit=100000").json()["results"]) == 0
    for number in range(201):
        factories.make_customer(name=f"n{number}")
    assert len(admin.get("customers?limit=100000").json()["results"]) == 200


@pytest.mark.parametrize(
    ("path", "field"), [("services?state=suspended", "state"), ("services?username=findme", "username")]
)
def test_filters(admin: Caller, path: str, field: str) -> None:
    factories.make_service()
    wanted = factories.make_service(username="findme", state="suspended")
    assert admin.ids(path) == [wanted.pk]
    assert admin.ids(f"{path}&customer={wanted.customer_id}") == [wanted.pk]
    assert admin.ids(f"{path}&customer={wanted.customer_id + 1000}") == []


def test_the_number_of_queries_does_not_grow(admin: Caller) -> None:
    admin.get("me")  # notes that the token is used, once a minute
    counts: dict[str, list[int]] = {}
    for round_ in range(2):
        for number in range(1 + 4 * round_):
            service = factories.make_service()
            factories.make_operation(service=service)
            factories.make_domain(service, f"d{round_}-{number}.test")
        for path in ("services", "operations", "domains", "activity", "customers", "plans"):
            with CaptureQueriesContext(connection) as queries:
                admin.get(path)
            counts.setdefault(path, []).append(len(queries))
    assert set(map(tuple, counts.values())) == {(2, 2)}, counts
