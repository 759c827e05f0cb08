"""Every address of the console, tried by an administrator, by support, by a customer and by nobody."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from audit.choices import Outcome
from audit.models import Event
from audit.record import record
from hosting.choices import OperationKind, OperationState
from hosting.models import (
    BulkRun,
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    DriftItem,
    FtpAccount,
    HostingPlan,
    HostingService,
    Node,
    Operation,
    RecordTemplate,
    Secondary,
    SshKey,
)
from hosting.services.bulk import start_bulk
from hosting.verbs import NODE_ADD
from observability.models import Incident
from tests import people
from tests.web import rows, shots_incident

pytestmark = pytest.mark.django_db

#: Open without signing in, reviewed: the way in (also by letter and passkey), and leaving.
OPEN = {
    "/admin/login/",
    "/admin/account/login/",
    "/admin/account/logout/",
    "/admin/account/inactive/",
    "/admin/account/impersonate/",
    "/admin/account/passkeys/login/",
    "/admin/account/password/reset/",
    "/admin/account/password/reset/done/",
    "/admin/account/password/reset/key/1/x-y/",
    "/admin/account/password/reset/sent/",
}
#: One's own account pages: everybody who belongs on the interface has them, and changes there are one's own.
OWN = "/admin/account/"
MODELS = (
    BulkRun, Database, DatabaseUser, DnsRecord, Domain, DriftItem, FtpAccount, HostingPlan, HostingService, Incident,
    Node, Operation, RecordTemplate, Secondary, SshKey,
)  # fmt: skip


@pytest.fixture
def addresses() -> list[str]:
    """Every address below /admin/, with the ids of rows that exist."""
    service = rows.service("anna", "anna.example", node=rows.node("web-1"))
    rows.database(service, "shop")
    rows.ftp_account(service)
    rows.ssh_key(service)
    operation = rows.operation(service, state=OperationState.PLANNED)
    rows.drift(service)
    rows.secondary(service.node)
    RecordTemplate.objects.create(name="mail", text="@ 60 IN A {ip}")
    shots_incident.incident()
    me = people.admin()
    start_bulk(actor=people.operator(), kind=OperationKind.DELETE, services=[service])
    event = record(verb=NODE_ADD, actor=people.operator(), target=service.node, outcome=Outcome.SUCCEEDED)
    ids = {model._meta.model_name: str(model._default_manager.first().pk) for model in MODELS}
    ids |= {"customer": str(service.customer_id), "user": str(me.pk), "event": str(event.pk)}
    return sorted({_filled(route, ids, operation.pk) for route in _routes(get_resolver().url_patterns, "/")})


def _routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry.url_patterns, route)
        elif route.startswith("/admin/"):
            yield route


def _filled(route: str, ids: dict[str, str], operation: UUID) -> str:
    model = route.split("/")[3] if route.count("/") > 3 else ""
    values = {"<path:object_id>": ids.get(model, "1"), "<int:pk>": ids.get(model, "1")}
    values |= {"<uuid:pk>": ids.get(model, str(operation))}
    values |= {"<str:uidb36>": "1", "<str:key>": "x-y"}
    values |= {"<slug:slug>": "disk-full", "<str:wanted>": "5a" * 16}
    values |= {"<int:content_type_id>": "1", "(?P<url>.*)$": "nothing/"}
    for name, value in values.items():
        route = route.replace(name, value)
    return route


def test_the_list_of_addresses_is_whole(addresses: list[str]) -> None:
    """The walk over the URLconf finds lists, pages, actions and buttons, and leaves no placeholder."""
    assert len(addresses) > 60
    assert not [address for address in addresses if "<" in address]
    assert [a for a in addresses if a.endswith("/approve/")]
    assert not [a for a in addresses if "django_q" in a]


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_nobody_gets_in(addresses: list[str], client: Client, method: str) -> None:
    """Without signing in, every address leads to the sign-in form."""
    wrong = []
    for address in addresses:
        answer = getattr(client, method)(address)
        location = answer.headers.get("Location", "")
        if address not in OPEN and not (answer.status_code == 302 and "/login/" in location):
            wrong.append((address, answer.status_code, location))
    assert wrong == []


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_customer_gets_nowhere(addresses: list[str], stranger_client: Client, method: str) -> None:
    """Somebody with an account but without a role in the console is sent to the sign-in form, or refused."""
    operations, wrong = Operation.objects.count(), []
    for address in addresses:
        answer = getattr(stranger_client, method)(address)
        refused = answer.status_code == 403 or "/login/" in answer.headers.get("Location", "")
        if not refused and address not in OPEN and not address.endswith("/logout/"):
            wrong.append((address, answer.status_code))
        if address.endswith("/logout/"):
            stranger_client.force_login(people.stranger())
    assert wrong == []
    assert Operation.objects.count() == operations


def test_reading_changes_nothing(addresses: list[str], admin_client: Client) -> None:
    """A GET, even an administrator's, makes no operation and no audit event, and breaks nowhere."""
    before = _state()
    answers = {address: admin_client.get(address).status_code for address in addresses if address != "/admin/login/"}
    assert {code for code in answers.values() if code != 403} <= {200, 302, 404, 405}
    refused = sorted(
        address.split("/")[3] + " " + address.split("/")[-2] for address, code in answers.items() if code == 403
    )
    assert refused == ["event add", "event delete", "reseller delete", "user delete", "user impersonate"]
    # append-only; kept; oneself; nobody acts as an operator
    assert _state() == before


def test_support_reads_and_does_nothing(addresses: list[str], support_client: Client) -> None:
    """Support sees every page; each POST that would change something is refused."""
    before, wrong = _state(), []
    for address in addresses:
        if address in OPEN or address.startswith(OWN):
            continue
        answer = support_client.post(address, {"digest": "0" * 64, "name": "x", "post": "yes"})
        if answer.status_code not in (403, 404, 405) and not _only_shows(address, answer.status_code):
            wrong.append((address, answer.status_code))
    assert wrong == []
    assert _state() == before


def _only_shows(address: str, status: int) -> bool:
    """A POST to a page that only shows something shows it."""
    shows = ("/admin/", "/history/", "/live/")
    old_style = status == 302 and address.rstrip("/").rsplit("/", 1)[-1].replace("-", "").isalnum()
    return old_style or (status == 200 and (address.endswith(shows) or address.count("/") == 4))


def _state() -> tuple[object, ...]:
    counts = [model._default_manager.count() for model in MODELS]
    states = list(Operation.objects.values_list("pk", "state", "plan_digest"))
    return (*counts, states, Event.objects.count(), LogEntry.objects.count())


def test_support_sees_no_buttons(support_client: Client) -> None:
    """What support may not do is not offered either."""
    service = rows.service("anna", "anna.example", node=rows.node("web-1"))
    operation = rows.operation(service, state=OperationState.PLANNED)
    page = support_client.get(f"/admin/hosting/operation/{operation.pk}/change/").content.decode()
    assert "Create service anna" in page
    assert "Apply this plan" not in page
    assert "Compare with the node" not in support_client.get(
        f"/admin/hosting/hostingservice/{service.pk}/change/"
    ).content.decode()  # fmt: skip


def test_only_our_own_models_have_pages() -> None:
    """The queue's admin runs any dotted path; it and everybody else's stay out."""
    labels = {model._meta.app_label for model in admin.site._registry}
    assert labels == {"accounts", "audit", "hosting", "observability"}


def test_a_post_without_token_is_refused(admin_client: Client) -> None:
    """CSRF protection is on for the buttons."""
    operation = rows.operation(
        rows.service("anna", "anna.example", node=rows.node("web-1")), state=OperationState.PLANNED
    )
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people.admin())
    assert strict.post(f"/admin/hosting/operation/{operation.pk}/cancel/").status_code == 403
    operation.refresh_from_db()
    assert operation.state == OperationState.PLANNED
