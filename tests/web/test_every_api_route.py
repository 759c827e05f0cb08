"""Tenants, a reseller and operators with tokens, every address of the API, every id, every method: nothing unlisted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from accounts.choices import MemberAccess
from accounts.models import ApiToken, Customer, Membership, Reseller, User
from hosting.choices import BulkState, OperationKind
from hosting.models import (
    BulkItem,
    BulkRun,
    Certificate,
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    DriftItem,
    FtpAccount,
    HostingPlan,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    Node,
    Operation,
    SshKey,
    Webhook,
    WebhookDelivery,
)
from tests import factories, people
from tests.unit.api.caller import token_for
from tests.web import rows
from tests.web.tenants import Address, Tenant, addresses, make_tenant

pytestmark = pytest.mark.django_db

READING, CHANGING = ("get", "head", "options"), ("post", "put", "patch", "delete")
METHODS = READING + CHANGING
INTERFACES = ("npanel.urls_admin", "npanel.urls_portal")
#: What describes the API, and where there is nothing: open without a token, reviewed.
PUBLIC = frozenset({"schema", "docs", "errors", "", "<path:rest>"})
#: Whose id an address holds, by its resource; reviewed. What is the operators' alone has no tenant's id.
OWNERS_OF_IDS = {
    "activity": "event",
    "auto-certificates": "auto_certificate",
    "bulk-items": "bulk_item",
    "bulk-runs": "bulk_run",
    "certificates": "certificate",
    "customers": "customer",
    "database-users": "database_user",
    "databases": "database",
    "domains": "domain",
    "drift": "drift",
    "ftp-accounts": "ftp_account",
    "mail-aliases": "alias",
    "mail-domains": "mail",
    "mailboxes": "mailbox",
    "members": "membership",
    "mail-lookups": "mail_lookup",
    "mail-queues": "mail_queue",
    "nodes": "node",
    "operations": "operation",
    "people": "user",
    "plans": "plan",
    "queued-messages": "queued_message",
    "record-templates": "record_template",
    "records": "record",
    "resellers": "reseller",
    "secondaries": "secondary",
    "services": "service",
    "ssh-keys": "ssh_key",
    "tokens": "token",
    "webhook-deliveries": "delivery",
    "webhooks": "webhook",
    "zones": "domain",
}
OPERATORS_ONLY = frozenset({"bulk-items", "bulk-runs", "drift", "mail-queues", "nodes", "secondaries"})
KEPT: tuple[Any, ...] = (
    ApiToken, BulkItem, BulkRun, Certificate, Customer, Database, DatabaseUser, DnsRecord, Domain, DriftItem,
    FtpAccount, HostingPlan, HostingService, MailAlias, Mailbox, MailDomain, Membership, Node, Operation, Reseller,
    SshKey, User, Webhook, WebhookDelivery,
)  # fmt: skip
#: What any use of a token writes down.
NOTED = ("last_used_at", "last_used_ip")


@dataclass
class House:
    """Nora's customer belongs to the reseller North; Sven's to South; Anna's to nobody."""

    north: Reseller
    south: Reseller
    nora: Tenant
    sven: Tenant
    anna: Tenant


@pytest.fixture(autouse=True)
def no_throttle(settings: Any) -> Iterator[None]:
    settings.NPANEL_API_RATE_TOKEN = settings.NPANEL_API_RATE_ADDRESS = "100000/s"
    caches["counters"].clear()
    yield
    caches["counters"].clear()


@pytest.fixture
def house(customer_interface: None) -> House:
    north, south = factories.make_reseller(), factories.make_reseller()
    made = House(north, south, make_tenant("nora", north), make_tenant("sven", south), make_tenant("anna"))
    for tenant in (made.nora, made.sven, made.anna):
        tenant.ids |= _more(tenant)
    return made


def _more(tenant: Tenant) -> dict[str, str]:
    """One of everything that only the API knows by id."""
    hook = Webhook.objects.create(
        url="https://hooks.test/x", events=["operation.finished"], secret_sealed="x", customer=tenant.customer
    )
    now = timezone.now()
    delivery = WebhookDelivery.objects.create(webhook=hook, event="operation.finished", payload={}, next_at=now)
    run = BulkRun.objects.create(kind=OperationKind.APPLY, state=BulkState.RUNNING, total=1, trace_id="0" * 32)
    item = BulkItem.objects.create(run=run, service=tenant.service, label=tenant.service.username)
    drift = DriftItem.objects.create(
        node=tenant.service.node, service=tenant.service, adapter="nginx", kind="virtual_host", change={},
        key=tenant.service.username, first_seen_at=now, last_seen_at=now,
    )  # fmt: skip
    token, _secret = token_for(tenant.member(), expires_in=timedelta(days=2))
    ids = {"webhook": hook.pk, "delivery": delivery.pk, "bulk_run": run.pk, "bulk_item": item.pk, "drift": drift.pk}
    ids["mail_queue"] = tenant.service.node.mail_queue.pk
    ids["secondary"] = rows.secondary(tenant.service.node).pk
    ids |= {"token": token.pk, "event": 1}
    if tenant.customer.reseller_id is not None:
        ids["reseller"] = tenant.customer.reseller_id
        ids["record_template"] = rows.template(reseller=tenant.customer.reseller).pk
    return {name: str(pk) for name, pk in ids.items()}


def api(urlconf: str = "npanel.urls_portal") -> list[Address]:
    """Every address of the API on one interface, under both of its names."""
    return [*addresses(urlconf, "/api/v1/"), *addresses(urlconf, "/v1/")]


def guarded(urlconf: str = "npanel.urls_portal") -> list[Address]:
    """Those that need a token."""
    return [one for one in api(urlconf) if resource(one) not in PUBLIC]


def of_version_1(urlconf: str = "npanel.urls_portal") -> list[Address]:
    """Those under the API's own name, which is all there is: the other name leads to the same."""
    return [one for one in guarded(urlconf) if one.route.startswith("/api/v1/")]


def _rest(address: Address) -> str:
    return address.route.removeprefix("/api").removeprefix("/v1/")


def resource(address: Address) -> str:
    """The first part of the path."""
    return _rest(address).partition("/")[0]


def of_things() -> list[Address]:
    """Addresses below /api/v1/ that hold the id of a row."""
    return [one for one in of_version_1() if "<" in one.route]


def url(address: Address, tenant: Tenant) -> str:
    """The address with the tenant's id in it."""
    if "<" not in address.route:
        return address.route
    before, _open, rest = address.route.partition("<")
    value = tenant.ids.get(OWNERS_OF_IDS[resource(address)], "987654321")
    return before + value + rest.partition(">")[2]


def state() -> list[Any]:
    """What must not change when somebody is refused."""
    rows = [list(model._default_manager.order_by("pk").values()) for model in KEPT]
    return [{name: value for name, value in row.items() if name not in NOTED} for kind in rows for row in kind]


class Program:
    """A person's token with every scope, sent with every request."""

    def __init__(self, user: User) -> None:
        self.bearer = f"Bearer {token_for(user)[1]}"
        self.client = Client()

    def ask(self, method: str, path: str, body: str = "{}") -> int:
        """The status of one request."""
        options: dict[str, Any] = {"content_type": "application/json"} if method in CHANGING else {}
        data = body if method in CHANGING else ""
        answer = self.client.generic(method.upper(), path, data, headers={"Authorization": self.bearer}, **options)
        return answer.status_code

    def answers(self, targets: Iterable[Address], tenant: Tenant, methods: Iterable[str]) -> dict[str, int]:
        """The status of each address and method."""
        wanted = list(methods)
        return {f"{way} {one.route}": self.ask(way, url(one, tenant)) for one in targets for way in wanted}


STRANGERS: dict[str, Callable[[House], User]] = {
    "owner of another": lambda house: house.sven.member(),
    "another reseller": lambda house: people.reseller(house.south),
    "a customer of nobody": lambda house: house.anna.member(),
    "nobody's person": lambda house: people.stranger(),
}


@pytest.mark.parametrize("urlconf", INTERFACES)
def test_every_address_is_listed(urlconf: str) -> None:
    """Each id in an address is known to be whose, and both interfaces have the same API under both of its names."""
    found = guarded(urlconf)
    assert len(found) > 100
    assert {resource(one) for one in found if "<" in one.route} == set(OWNERS_OF_IDS)
    assert {resource(one) for one in api(urlconf)} == {*OWNERS_OF_IDS, *PUBLIC, "me"}
    assert [one.route for one in api(urlconf)] == [one.route for one in api(INTERFACES[0])]
    long, short = ([_rest(one) for one in found if one.route.startswith(name)] for name in ("/api/v1/", "/v1/"))
    assert long == short


def test_nobody_gets_in_without_a_token(house: House, client: Client) -> None:
    """Whatever the address, the method and the kind of body: 401, also with a session of the panel."""
    signed_in = Client()
    signed_in.force_login(house.nora.member())
    before, wrong = state(), []
    for one in guarded():
        for visitor, methods in ((client, METHODS), (signed_in, ("get", "post"))):
            for method in methods:
                answer = visitor.generic(method.upper(), url(one, house.nora), "{}", content_type="application/json")
                if answer.status_code not in (401, 405):
                    wrong.append((method, one.route, answer.status_code))
    assert wrong == []
    assert state() == before


def test_other_bodies_are_no_way_in(house: House, client: Client) -> None:
    before, wrong = state(), []
    for one in guarded():
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
            answer = client.generic("POST", url(one, house.nora), b"--x--", content_type=kind)
            if answer.status_code not in (401, 405):
                wrong.append((kind, one.route, answer.status_code))
    assert wrong == []
    assert state() == before


@pytest.mark.parametrize("who", sorted(STRANGERS))
def test_a_stranger_finds_nothing(house: House, who: str) -> None:
    """Another tenant's id answers as one that does not exist, by every method; nothing changes."""
    program = Program(STRANGERS[who](house))
    before = state()
    targets = [one for one in of_things() if not _shared(one)]
    found = program.answers(targets, house.nora, ("get", "head", *CHANGING))
    assert {key: status for key, status in found.items() if status not in (404, 405)} == {}
    absent = program.answers(targets, _nowhere(house.nora), ("get", "head", *CHANGING))
    assert found == absent  # one can't tell somebody else's from none
    assert state() == before


def _shared(address: Address) -> bool:
    """Events' ids are no tenant's; selectors' own tests try them."""
    return resource(address) == "activity"


def _nowhere(tenant: Tenant) -> Tenant:
    """Ids of the same form that no row has."""
    none = {name: "987654321" if pk.isdigit() else pk[:-4] + "0000" for name, pk in tenant.ids.items()}
    return Tenant(tenant.customer, tenant.service, none)


@pytest.mark.parametrize("access", MemberAccess.values)
def test_own_people_find_their_own(house: House, access: str) -> None:
    """What is the customer's opens; what is the operators' or the reseller's is not there."""
    program = Program(house.nora.member(access))
    found = program.answers([one for one in of_things() if not _shared(one)], house.nora, ("get",))
    absent = {key.split("/")[3] for key, status in found.items() if status == 404}
    assert absent == OPERATORS_ONLY | {"resellers", "tokens"} - ({"tokens"} if access == MemberAccess.OWNER else set())
    assert {key: status for key, status in found.items() if status not in (200, 404, 405)} == {}


@pytest.mark.parametrize("access", [MemberAccess.VIEWER])
def test_a_viewer_changes_nothing(house: House, access: str) -> None:
    program = Program(house.nora.member(access))
    before = state()
    found = program.answers(_changing_lists(), house.nora, CHANGING)
    assert {key: status for key, status in found.items() if status not in (403, 404, 405, 422)} == {}
    assert state() == before


def _changing_lists() -> list[Address]:
    return [one for one in of_version_1() if resource(one) != "me"]


def test_the_reseller_finds_their_customers(house: House) -> None:
    program = Program(people.reseller(house.north))
    found = program.answers([one for one in of_things() if not _shared(one)], house.nora, ("get",))
    absent = {key.split("/")[3] for key, status in found.items() if status == 404}
    assert absent == OPERATORS_ONLY | {"tokens"}
    assert {key: status for key, status in found.items() if status not in (200, 404, 405)} == {}


def test_operators_have_an_interface_of_their_own(house: House) -> None:
    """Their tokens are refused on the customers' interface, whatever they ask."""
    before = state()
    for person in (people.admin(), people.support()):
        program = Program(person)
        wrote = state()
        found = program.answers(of_version_1(), house.nora, METHODS)
        assert {key: status for key, status in found.items() if status not in (403, 405)} == {}
        assert state() == wrote
    assert len(state()) == len(before) + 4  # two people and their tokens


def test_customers_tokens_are_refused_at_the_operators(house: House, settings: Any) -> None:
    _operators(settings)
    for person in (house.nora.member(), people.reseller(house.north)):
        found = Program(person).answers(of_version_1(INTERFACES[0]), house.nora, METHODS)
        assert {key: status for key, status in found.items() if status not in (403, 405)} == {}


def test_support_reads_everything_and_changes_nothing(house: House, settings: Any) -> None:
    _operators(settings)
    program = Program(people.support())
    before = state()
    read = program.answers([one for one in of_things() if not _shared(one)], house.nora, ("get",))
    assert {key for key, status in read.items() if status not in (200, 405)} == {"get /api/v1/tokens/<int:pk>"}
    wrote = program.answers(of_version_1(INTERFACES[0]), house.nora, CHANGING)
    assert {key: status for key, status in wrote.items() if status not in (403, 405)} == {}
    assert state() == before


def test_an_administrator_finds_everything(house: House, settings: Any) -> None:
    _operators(settings)
    read = Program(people.admin()).answers([one for one in of_things() if not _shared(one)], house.nora, ("get",))
    assert {key for key, status in read.items() if status not in (200, 405)} == {"get /api/v1/tokens/<int:pk>"}


def test_reading_changes_nothing(house: House) -> None:
    programs = [Program(house.nora.member()), Program(people.reseller(house.north))]
    before = state()
    for program in programs:
        program.answers(of_version_1(), house.nora, READING)
    assert state() == before


def _operators(settings: Any) -> None:
    """Serve the operators' interface from here on."""
    from npanel.interfaces import interface_settings

    settings.NPANEL_INTERFACE = "admin"
    for name, value in interface_settings("admin").items():
        setattr(settings, name, value)
