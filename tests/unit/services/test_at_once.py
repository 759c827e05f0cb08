"""Requests that happen at the same moment: exactly as many win as may, and the others leave nothing behind."""

import pytest

from audit.models import Event
from hosting.models import Database, Domain, HostingPlan, HostingService, Operation
from hosting.services.databases import create_database
from hosting.services.operations import approve_operation, cancel_operation
from hosting.services.sites import add_domain, create_service, suspend_service
from tests.factories import make_customer, make_node, make_operation, make_plan, make_service
from tests.people import operator
from tests.unit.services.together import codes, together, won

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


@pytest.fixture
def pair() -> tuple[HostingService, HostingService]:
    """Services of two customers on one node."""
    node, plan = make_node(), make_plan(domains=None)
    return (
        make_service(node=node, plan=plan, customer=make_customer(name="Alice")),
        make_service(node=node, plan=plan, customer=make_customer(name="Bob")),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("example{}.com", "shop.example{}.com"),
        ("a.b.example{}.com", "example{}.com"),
        ("example{}.com", "Example{}.COM."),
        ("bücher{}.example", "a.BÜCHER{}.example"),
    ],
)
def test_a_name_and_one_below_it_are_never_given_to_two_customers(
    pair: tuple[HostingService, HostingService], first: str, second: str
) -> None:
    for number in range(ROUNDS):
        wishes = [(pair[0], first.format(number)), (pair[1], second.format(number))]
        results = together(
            [lambda s=service, n=name: add_domain(actor=operator(), service=s, name=n) for service, name in wishes]
        )
        assert len(won(results)) == 1 and codes(results) == ["domain_taken"]
    assert Domain.objects.exclude(name_key=None).count() == ROUNDS
    assert Operation.objects.count() == Event.objects.filter(verb="operation.domain_add").count() == ROUNDS


def test_new_services_collide_as_domains_do() -> None:
    node, plan, customers = make_node(), make_plan(), [make_customer(), make_customer()]
    for number in range(4):
        names = [f"shop.site{number}.test", f"site{number}.test"]
        results = together(
            [
                lambda c=customer, n=name: create_service(actor=operator(), customer=c, node=node, plan=plan, domain=n)
                for customer, name in zip(customers, names, strict=True)
            ]
        )
        assert len(won(results)) == 1 and codes(results) == ["domain_taken"]
        assert HostingService.objects.count() == Operation.objects.count() == number + 1


def test_unrelated_names_do_not_stand_in_each_others_way(pair: tuple[HostingService, HostingService]) -> None:
    names = [f"site{number}.test" for number in range(8)]
    calls = [
        lambda s=pair[number % 2], n=name: add_domain(actor=operator(), service=s, name=n)
        for number, name in enumerate(names)
    ]
    assert len(won(together(calls))) == 8
    assert set(Domain.objects.values_list("name", flat=True)) == set(names)


def test_a_plans_limit_holds_when_ten_ask_at_once() -> None:
    service = make_service(plan=make_plan(databases=3))
    calls = [lambda n=number: create_database(actor=operator(), service=service, name=f"db{n}") for number in range(10)]
    results = together(calls)
    assert len(won(results)) == 3
    assert codes(results) == ["limit_reached"] * 7
    assert Database.objects.count() == Operation.objects.count() == Event.objects.count() == 3


def test_a_limit_of_domains_holds_when_six_ask_at_once() -> None:
    service = make_service(plan=make_plan(domains=2))
    calls = [
        lambda n=number: add_domain(actor=operator(), service=service, name=f"site{n}.test") for number in range(6)
    ]
    results = together(calls)
    assert len(won(results)) == 2 and codes(results) == ["limit_reached"] * 4
    assert Domain.objects.count() == 2


def test_one_user_name_wished_by_five_goes_to_one(pair: tuple[HostingService, HostingService]) -> None:
    node, plan = pair[0].node, HostingPlan.objects.get()
    customers = [make_customer() for _n in range(5)]
    calls = [
        lambda c=customer, n=number: create_service(
            actor=operator(), customer=c, node=node, plan=plan, domain=f"site{n}.test", username="shop"
        )
        for number, customer in enumerate(customers)
    ]
    results = together(calls)
    assert len(won(results)) == 1 and codes(results) == ["username_taken"] * 4
    assert HostingService.objects.filter(username_key="shop").count() == 1
    assert Domain.objects.count() == 1


def test_user_names_that_are_made_up_at_once_differ() -> None:
    node, plan = make_node(), make_plan()
    customers = [make_customer() for _n in range(6)]
    calls = [
        lambda c=customer, n=number: create_service(
            actor=operator(), customer=c, node=node, plan=plan, domain=f"shop.site{n}.test"
        )
        for number, customer in enumerate(customers)
    ]
    assert codes(together(calls)) == []
    names = set(HostingService.objects.values_list("username", flat=True))
    assert names == {"shop", "shop1", "shop2", "shop3", "shop4", "shop5"}


def test_of_two_operators_one_suspends() -> None:
    service = make_service()
    results = together([lambda: suspend_service(actor=operator(), service=service)] * 4)
    assert len(won(results)) == 1 and codes(results) == ["wrong_state"] * 3
    assert Operation.objects.count() == 1


def test_approving_and_cancelling_at_once_lets_one_win() -> None:
    for _round in range(ROUNDS):
        operation = make_operation(state="planned", plan_digest="d", needs_approval=True, plan={"changes": []})
        results = together(
            [
                lambda o=operation: approve_operation(actor=operator(), operation=o, digest="d"),
                lambda o=operation: cancel_operation(actor=operator(), operation=o),
            ]
        )
        assert len(won(results)) >= 1
        operation.refresh_from_db()
        verbs = set(Event.objects.filter(operation_id=str(operation.pk)).values_list("verb", flat=True))
        # Cancelling what was just approved is allowed; approving what was cancelled is not.
        assert (operation.state, verbs) in [
            ("pending", {"operation.approve"}),
            ("cancelled", {"operation.cancel"}),
            ("cancelled", {"operation.approve", "operation.cancel"}),
        ]
