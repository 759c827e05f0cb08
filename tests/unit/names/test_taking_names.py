"""Who may hold which domain: nobody gets a name equal to, above or below another customer's."""

import pytest

from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import Domain, HostingService
from hosting.services.sites import add_domain
from tests.factories import make_customer, make_domain, make_plan, make_service
from tests.people import operator
from tests.unit.services.world import snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> HostingService:
    """A service of a customer who holds names."""
    return make_service(username="alice", customer=make_customer(name="Alice"), plan=make_plan(domains=None))


@pytest.fixture
def bob(alice: HostingService) -> HostingService:
    """A service of somebody else on the same node."""
    return make_service(username="bob", customer=make_customer(name="Bob"), node=alice.node)


def refused(service: HostingService, name: str, code: str = "domain_taken") -> HostingError:
    """Adding the name fails and leaves nothing behind."""
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        add_domain(actor=operator(), service=service, name=name)
    assert refusal.value.code == code
    assert snapshot() == before
    return refusal.value


@pytest.mark.parametrize("held", ["example.com", "shop.example.com", "a.b.example.com", "xn--bcher-kva.example"])
def test_a_held_name_is_refused_whoever_asks(alice: HostingService, bob: HostingService, held: str) -> None:
    make_domain(alice, held)
    assert "already hosted" in refused(bob, held).detail
    assert "already hosted" in refused(alice, held).detail


@pytest.mark.parametrize(
    "spelling",
    ["Bücher.example", "BÜCHER.EXAMPLE.", " xn--bcher-kva.example ", "XN--BCHER-KVA.Example", "bu\u0308cher。example"],
)
def test_another_spelling_is_the_same_name(alice: HostingService, bob: HostingService, spelling: str) -> None:
    make_domain(alice, "xn--bcher-kva.example")
    refused(bob, spelling)
    refused(bob, f"shop.{spelling.strip()}")


@pytest.mark.parametrize(
    ("held", "wish", "says"),
    [
        ("example.com", "shop.example.com", "lies below"),
        ("example.com", "a.b.c.example.com", "lies below"),
        ("example.com", "SHOP.Example.COM.", "lies below"),
        ("shop.example.com", "example.com", "below example.com is hosted"),
        ("a.b.c.example.com", "example.com", "below example.com is hosted"),
        ("a.b.c.example.com", "c.example.com", "below c.example.com is hosted"),
    ],
)
def test_above_and_below_a_strangers_name_is_refused(
    alice: HostingService, bob: HostingService, held: str, wish: str, says: str
) -> None:
    make_domain(alice, held)
    error = refused(bob, wish)
    assert says in error.detail
    assert error.field == "domain" and error.hint
    assert "Alice" not in error.detail + error.hint and "alice" not in error.detail + error.hint


def test_a_refusal_does_not_tell_which_names_others_hold(alice: HostingService, bob: HostingService) -> None:
    make_domain(alice, "secret-project.example.com")
    assert "secret-project" not in refused(bob, "example.com").detail


@pytest.mark.parametrize(
    ("held", "wish"),
    [
        ("example.com", "shop.example.com"),
        ("shop.example.com", "example.com"),
        ("example.com", "example.org"),
        ("example.com", "myexample.com"),
        ("example.com", "example.com.test"),
        ("ample.com", "example.com"),
    ],
)
def test_the_same_customer_may_hold_names_above_and_below(alice: HostingService, held: str, wish: str) -> None:
    make_domain(alice, held)
    second = make_service(username="alice2", customer=alice.customer, node=alice.node)
    add_domain(actor=operator(), service=second, name=wish)
    assert Domain.objects.get(name_key=wish).service == second


@pytest.mark.parametrize("wish", ["example.org", "myexample.com", "example.com.test", "om.test"])
def test_names_that_only_look_alike_are_free(alice: HostingService, bob: HostingService, wish: str) -> None:
    make_domain(alice, "example.com")
    add_domain(actor=operator(), service=bob, name=wish)
    assert Domain.objects.get(name_key=wish).service == bob


@pytest.mark.parametrize("wish", ["*.example.com", "*", "*.com", "www.*.com"])
def test_wildcards_are_no_domains(alice: HostingService, bob: HostingService, wish: str) -> None:
    make_domain(alice, "example.com")
    refused(bob, wish, "bad_name")
    refused(alice, wish, "bad_name")


def test_two_sites_can_not_answer_for_one_www_name(alice: HostingService) -> None:
    make_domain(alice, "example.com")
    assert "www" in refused(alice, "www.example.com").detail
    make_domain(alice, "www.example.org", www=False)
    assert "www" in refused(alice, "example.org").detail
    add_domain(actor=operator(), service=alice, name="example.org", www=False)


def test_a_name_is_free_again_once_its_service_is_terminated(alice: HostingService, bob: HostingService) -> None:
    domain = make_domain(alice, "example.com")
    domain.release()
    domain.save()
    HostingService.objects.filter(pk=alice.pk).update(state=ServiceState.TERMINATED, username_key=None)
    add_domain(actor=operator(), service=bob, name="shop.example.com")
    assert set(Domain.objects.exclude(name_key=None).values_list("name", flat=True)) == {"shop.example.com"}


@pytest.mark.parametrize("name", ["exam_ple.com", "com", "192.0.2.1", "a..b", "example.com\nb.com", "💩.com", ""])
def test_what_is_no_name_is_refused_before_anything_is_saved(alice: HostingService, name: str) -> None:
    error = refused(alice, name, "bad_name")
    assert error.field == "domain"


def test_a_name_that_is_too_long_for_its_column_is_refused(alice: HostingService) -> None:
    name = ".".join(["a" * 60] * 3 + ["b" * 20])
    assert len(name) > 190
    refused(alice, name, "invalid")
