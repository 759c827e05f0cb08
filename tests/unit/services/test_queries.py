"""What a request costs in queries, so that nobody adds one without noticing."""

from collections.abc import Callable
from typing import Any

import pytest

from hosting.models import Database
from hosting.services.databases import create_database
from hosting.services.dns import add_record
from hosting.services.sites import add_domain, create_service, suspend_service
from tests.factories import make_customer, make_domain, make_node, make_plan, make_service
from tests.people import operator

pytestmark = pytest.mark.django_db
Limit = Callable[[int], Any]
#: The first request for a name; savepoints and their release are among them.
CREATE_SERVICE, ADD_DOMAIN, ADD_RECORD, ADD_DATABASE, SUSPEND = 25, 21, 15, 12, 9


@pytest.mark.parametrize("others", [0, 60])
def test_creating_a_service_costs_the_same_however_many_there_are(
    others: int, django_assert_max_num_queries: Limit
) -> None:
    customer, node, plan = make_customer(), make_node(), make_plan()
    for number in range(others):
        make_domain(make_service(customer=customer, node=node, plan=plan), f"site{number}.test")
    with django_assert_max_num_queries(CREATE_SERVICE):
        create_service(actor=operator(), customer=customer, node=node, plan=plan, domain="example.test")


@pytest.mark.parametrize("others", [0, 30])
def test_adding_a_domain_costs_the_same_however_many_there_are(
    others: int, django_assert_max_num_queries: Limit
) -> None:
    service = make_service(plan=make_plan(domains=None))
    for number in range(others):
        make_domain(service, f"site{number}.test")
    with django_assert_max_num_queries(ADD_DOMAIN):
        add_domain(actor=operator(), service=service, name="example.test")


@pytest.mark.parametrize("others", [0, 30])
def test_adding_a_record_costs_the_same_however_many_there_are(
    others: int, django_assert_max_num_queries: Limit
) -> None:
    zone = make_domain(make_service(), "example.com")
    for number in range(others):
        zone.records.create(name=f"a{number}", type="A", content="192.0.2.1")
    with django_assert_max_num_queries(ADD_RECORD):
        add_record(actor=operator(), domain=zone, name="b", type="A", content="192.0.2.1")


def test_adding_a_database(django_assert_max_num_queries: Limit) -> None:
    service = make_service()
    with django_assert_max_num_queries(ADD_DATABASE):
        create_database(actor=operator(), service=service, name="shop")
    assert Database.objects.count() == 1


def test_suspending(django_assert_max_num_queries: Limit) -> None:
    service = make_service()
    with django_assert_max_num_queries(SUSPEND):
        suspend_service(actor=operator(), service=service)
