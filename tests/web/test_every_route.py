"""Tenants and a reseller, every address of the portal, every id, every method: expected answers, nothing unlisted."""

from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.choices import MemberAccess
from accounts.models import Customer, Membership, Reseller
from hosting.models import (
    Database,
    DatabaseUser,
    DkimKey,
    DnsRecord,
    Domain,
    HostingPlan,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    Operation,
)
from tests import factories, people
from tests.web.portal import signed_in
from tests.web.tenants import Address, Tenant, addresses, make_tenant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
BODIES = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/plain")
#: Open without signing in, reviewed. What is not here leads to the sign-in form.
PUBLIC = frozenset(
    """
    account_login account_logout account_inactive account_reset_password account_reset_password_done
    account_reset_password_from_key account_reset_password_from_key_done mfa_authenticate mfa_login_webauthn
    account_impersonation account_language portal:preview_start portal:preview_page
    """.split()
)
#: Whose pages these are: a customer's own people are refused there.
RESELLERS_ONLY = ("/portal/customers/", "/portal/plans/")
KEPT = (
    Customer, Database, DatabaseUser, DkimKey, DnsRecord, Domain, HostingPlan, HostingService, MailAlias, Mailbox,
    MailDomain, Membership, Operation,
)  # fmt: skip


@dataclass
class House:
    """Nora's customer belongs to the reseller North; Sven's to South; Anna's to nobody."""

    north: Reseller
    south: Reseller
    nora: Tenant
    sven: Tenant
    anna: Tenant


@pytest.fixture
def house() -> House:
    north, south = factories.make_reseller(), factories.make_reseller()
    return House(north, south, make_tenant("nora", north), make_tenant("sven", south), make_tenant("anna"))


def portal() -> list[Address]:
    """Every address of the customers' interface below /portal/."""
    return addresses("npanel.urls_portal", "/portal/")


def of_things() -> list[Address]:
    """Those that hold the id of a tenant's row."""
    return [address for address in portal() if address.thing and address.thing not in ("session", "passkey", "token")]


def state() -> list[object]:
    """What must not change when somebody is refused."""
    rows: list[object] = [list(model._default_manager.order_by("pk").values()) for model in KEPT]
    return rows


def answers(client: Client, targets: list[Address], tenant: Tenant, methods: tuple[str, ...]) -> dict[str, int]:
    """The status of each address and method."""
    return {
        f"{method} {address.of(tenant)}": getattr(client, method)(address.of(tenant)).status_code
        for address in targets
        for method in methods
    }


def test_every_address_is_listed() -> None:
    """Each id in an address is known to be whose; nothing else than what the list of public ones says is public."""
    assert len(portal()) > 40
    assert {address.thing for address in portal()} >= {"service", "domain", "record", "operation", "membership"}
    names = {address.name for address in portal()}
    assert names >= PUBLIC


def test_nobody_gets_in(house: House, client: Client) -> None:
    before, wrong = state(), []
    for address in portal():
        if address.name in PUBLIC:
            continue
        for method in METHODS:
            answer = getattr(client, method)(address.of(house.nora))
            if not (answer.status_code == 302 and "/portal/account/login/" in answer.headers["Location"]):
                wrong.append((method, address.route, answer.status_code))
        for content_type in BODIES:
            answer = client.generic("POST", address.of(house.nora), b"--x--", content_type=content_type)
            if answer.status_code != 302:
                wrong.append((content_type, address.route, answer.status_code))
    assert wrong == []
    assert state() == before


@pytest.mark.parametrize("who", ["owner of another", "another reseller", "a customer of nobody", "nobody's person"])
def test_a_stranger_finds_nothing(house: House, who: str) -> None:
    """Another tenant's id answers as one that does not exist, by every method; nothing changes."""
    person = {
        "owner of another": house.sven.member(),
        "another reseller": people.reseller(house.south),
        "a customer of nobody": house.anna.member(),
        "nobody's person": people.stranger(),
    }[who]
    before = state()
    found = answers(signed_in(person), of_things(), house.nora, METHODS)
    assert {key: status for key, status in found.items() if status not in (403, 404, 405)} == {}
    there = {key: status for key, status in found.items() if key.startswith("get ")}
    absent = answers(signed_in(person), of_things(), _nowhere(house.nora), ("get",))
    assert list(there.values()) == list(absent.values())  # one can't tell somebody else's from none
    assert state() == before


def _nowhere(tenant: Tenant) -> Tenant:
    """Ids of the same form that no row has."""
    none = {name: "987654321" if pk.isdigit() else pk[:-4] + "0000" for name, pk in tenant.ids.items()}
    return Tenant(tenant.customer, tenant.service, none)


@pytest.mark.parametrize("access", MemberAccess.values)
def test_own_people_find_their_own(house: House, access: str) -> None:
    """Every page of a customer's own things opens or is refused by name; none is missing, none breaks."""
    client = signed_in(house.nora.member(access))
    found = answers(client, [a for a in of_things() if not a.route.startswith(RESELLERS_ONLY)], house.nora, ("get",))
    assert {key: status for key, status in found.items() if status not in (200, 302, 403, 405)} == {}
    shut = answers(client, [a for a in of_things() if a.route.startswith(RESELLERS_ONLY)], house.nora, METHODS)
    assert {key: status for key, status in shut.items() if status not in (403, 404, 405)} == {}


def test_a_viewer_changes_nothing(house: House) -> None:
    client = signed_in(house.nora.member(MemberAccess.VIEWER))
    before = state()
    found = answers(client, of_things(), house.nora, METHODS[2:])
    assert {key: status for key, status in found.items() if status >= 500} == {}
    assert state() == before


def test_the_reseller_finds_their_customers(house: House) -> None:
    found = answers(signed_in(people.reseller(house.north)), of_things(), house.nora, ("get",))
    assert {key: status for key, status in found.items() if status not in (200, 302, 403, 405)} == {}
    assert found[f"get /portal/customers/{house.nora.customer.pk}/"] == 200


@pytest.mark.parametrize("person", [people.admin, people.support])
def test_operators_have_no_place_in_the_portal(house: House, person: object) -> None:
    """They come in by acting as somebody, or not at all."""
    before = state()
    found = answers(signed_in(person()), of_things(), house.nora, METHODS)  # type: ignore[operator]
    assert {key: status for key, status in found.items() if status in (200, 201, 202)} == {}
    assert state() == before


@pytest.mark.parametrize("method", METHODS)
def test_the_consoles_addresses_answer_403_here(house: House, client: Client, method: str) -> None:
    """Signed in or not, whatever the method: the operators' pages are not on this interface."""
    there = addresses("npanel.urls_admin", "/admin/")
    assert len(there) > 60
    for visitor in (client, signed_in(house.nora.member())):
        wrong = [a.route for a in there if getattr(visitor, method)(a.route).status_code != 403]
        assert wrong == []


def test_reading_changes_nothing(house: House) -> None:
    """No GET makes an operation, a row or an audit event of a change."""
    before = state()
    for person in (house.nora.member(), people.reseller(house.north)):
        answers(signed_in(person), of_things(), house.nora, ("get", "head", "options"))
    assert state() == before


def test_the_two_urlconfs_share_no_page() -> None:
    """Besides probes, API and crossing, an address belongs to one interface."""
    shared = {"healthz", "readyz", "health", "metrics"}

    def pages(urlconf: str) -> set[str]:
        return {address.route for address in addresses(urlconf, "/") if not address.route.startswith(("/api/", "/v1/"))}

    both = pages("npanel.urls_admin") & pages("npanel.urls_portal")
    assert {route.strip("/") for route in both} - {"", "admin", "portal"} <= shared
