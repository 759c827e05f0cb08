"""Long lists: going on and back by the last row seen, in every order, whatever happens to the rows meanwhile."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hosting.models import Domain, HostingService, Operation
from tests import factories
from tests.web.pages import words

pytestmark = pytest.mark.django_db

SERVICES, OPERATIONS = "/admin/hosting/hostingservice/", "/admin/hosting/operation/"


@pytest.fixture
def many() -> list[HostingService]:
    """120 services."""
    node, plan, customer = factories.make_node(), factories.make_plan(), factories.make_customer()
    shared = {"node": node, "plan": plan, "customer": customer, "php_version": "8.2", "state": "active"}
    return HostingService.objects.bulk_create(
        HostingService(username=f"u{n:03}", username_key=f"u{n:03}", **shared) for n in range(120)
    )


def shown(answer: Any) -> list[str]:
    """The first column."""
    return re.findall(r'<th class="field-[a-z_]+"><a [^>]*>([^<]+)</a>', answer.content.decode())


def link(answer: Any, word: str) -> str:
    """Where a link of the pager leads, or nothing."""
    found = re.search(rf'href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?{word}', answer.content.decode())
    return unescape(found[1]) if found else ""


def by(column: str, sign: str = "") -> str:
    """What sorts the services by a column."""
    from django.contrib import admin

    names = list(admin.site._registry[HostingService].list_display)
    return f"o={sign}{names.index(column) + 1}"


@pytest.mark.parametrize(("column", "sign"), [("", ""), ("user_name", ""), ("user_name", "-"), ("created", "-")])
def test_pages_meet_without_gap_or_overlap(
    admin_client: Client, many: list[HostingService], column: str, sign: str
) -> None:
    """Going on to the end and back to the beginning shows every row once, each time."""
    order = by(column, sign) if column else ""
    answer = admin_client.get(f"{SERVICES}?state__exact=active&{order}")
    seen, places = shown(answer), [words(answer)]
    while link(answer, "Next"):
        answer = admin_client.get(SERVICES + link(answer, "Next"))
        seen += shown(answer)
        places.append(words(answer))
    assert sorted(seen) == sorted(service.username for service in many)
    for text, place in zip(places, ("1–50 of 120", "51–100 of 120", "101–120 of 120"), strict=True):
        assert place in text
    back = shown(answer)
    while link(answer, "Previous"):
        answer = admin_client.get(SERVICES + link(answer, "Previous"))
        back = shown(answer) + back
    assert back == seen


def test_rows_made_meanwhile_shift_nothing(admin_client: Client, many: list[HostingService]) -> None:
    """A page number would show some rows twice; the last row seen does not."""
    first = admin_client.get(SERVICES)
    factories.make_service(username="newest", node=many[0].node, plan=many[0].plan, customer=many[0].customer)
    second = admin_client.get(SERVICES + link(first, "Next"))
    assert not set(shown(first)) & set(shown(second))
    assert shown(admin_client.get(SERVICES + link(second, "First")))[0] == "newest"


def test_operations_of_the_same_moment_are_kept_apart(admin_client: Client, many: list[HostingService]) -> None:
    """Operations asked for in one moment are told apart by their ids."""
    made = [factories.make_operation(service=service, target_label=service.username) for service in many[:60]]
    Operation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    first = admin_client.get(OPERATIONS)
    second = admin_client.get(OPERATIONS + link(first, "Next"))
    ids = [
        re.findall(r"/admin/hosting/operation/([0-9a-f-]{36})/change/", page.content.decode())
        for page in (first, second)
    ]
    assert {*ids[0], *ids[1]} == {str(operation.pk) for operation in made}
    assert not set(ids[0]) & set(ids[1])


@pytest.mark.parametrize("token", ["x", "eyJ4IjoxfQ", "WzUwLCJhYmMiXQ", "WzUwXQ", "%00", "bnVsbA", "W1tb" * 1500])
def test_a_made_up_place_leads_to_the_first_page(admin_client: Client, many: list[HostingService], token: str) -> None:
    """A link that was not made here is not followed, and breaks nothing."""
    answer = admin_client.get(f"{SERVICES}?after={token}", follow=True)
    assert answer.status_code == 200 and shown(answer)[0] == "u119"


def test_a_scope_is_a_chip_that_can_be_taken_away(admin_client: Client, many: list[HostingService]) -> None:
    """A link to the services of one customer narrows the list, says so, and offers to see all again."""
    other = factories.make_service(username="other", node=many[0].node)
    answer = admin_client.get(f"{SERVICES}?customer={other.customer_id}")
    assert shown(answer) == ["other"]
    assert f"Customer: {other.customer}" in words(answer) and "Remove the filter" in words(answer)
    assert len(shown(admin_client.get(f"{SERVICES}?customer=999999"))) == 50


def test_only_indexed_columns_sort() -> None:
    """Every column that a list offers to sort by leads an index, so that no sort reads a whole table."""
    from django.contrib import admin

    from accounts.models import Customer, User
    from hosting.models import Database, DatabaseUser, DnsRecord

    for model in (HostingService, Domain, DnsRecord, Database, DatabaseUser, Operation, Customer, User):
        page = admin.site._registry[model]
        columns = {getattr(getattr(page, name, None), "admin_order_field", None) for name in page.list_display}
        first = {index.fields[0] for index in model._meta.indexes} | {"id"}
        first |= {field.name for field in model._meta.concrete_fields if field.unique or field.db_index}
        first |= {constraint.fields[0] for constraint in model._meta.constraints if getattr(constraint, "fields", ())}
        wanted = set() if page.sortable_by == () else columns - {None}
        assert wanted <= first, model
