"""What an operator does in the console, and what they see of it."""

import re
from typing import Any

import pytest
from django.test import Client

from audit.choices import Outcome
from audit.models import Event
from hosting.choices import DriftState, NodeState, OperationKind, OperationState, ServiceState
from hosting.models import DnsRecord, Domain, HostingPlan, HostingService, Node, Operation
from tests import factories
from tests.web import rows
from tests.web.pages import act, words

pytestmark = pytest.mark.django_db

SERVICES = "/admin/hosting/hostingservice/"


@pytest.fixture
def service() -> HostingService:
    """An active service on a ready node."""
    return rows.service("anna", "anna.example", node=rows.node("web-1"), plan=factories.make_plan(name="Starter"))


def new_service(client: Client, **changes: str) -> Any:
    """Send the form for a new service."""
    plan, node = HostingPlan.objects.first(), Node.objects.first()
    data = {"customer": "Ada", "plan": plan.pk, "node": node.pk, "domain": "Ada.Example", **changes}
    return client.post(f"{SERVICES}add/", data, follow=True)


def test_creating_a_service_leads_to_its_plan(admin_client: Client, service: HostingService) -> None:
    """The form makes the service through the road and ends on the operation's page, which waits for the worker."""
    factories.make_customer(name="Ada")
    answer = new_service(admin_client, reason="Ticket 4711")
    operation = Operation.objects.get(kind=OperationKind.CREATE)
    assert answer.redirect_chain[-1][0] == f"/admin/hosting/operation/{operation.pk}/change/"
    assert operation.needs_approval
    assert operation.service is not None and operation.service.domains.get().name == "ada.example"
    assert operation.actor_login == "admin@panel.test"
    assert "There is no plan yet" in words(answer)
    event = Event.objects.get(operation_id=str(operation.pk))
    assert (event.outcome, event.reason, event.actor_login) == (Outcome.REQUESTED, "Ticket 4711", "admin@panel.test")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("domain", "anna.example", "anna.example"),
        ("domain", "not a name", "is not a host name"),
        ("username", "root", "reserved"),
        ("customer", "Nobody", "There is no customer of this name."),
    ],
)
def test_a_refusal_stands_at_its_field(
    admin_client: Client, service: HostingService, field: str, value: str, complaint: str
) -> None:
    """What a service function refuses is shown at the field, nothing typed is lost, and nothing was made."""
    factories.make_customer(name="Ada")
    answer = new_service(admin_client, **{"username": "ada", field: value})
    page = answer.content.decode()
    error = page[page.index(f'id="id_{field}_error"') :]
    assert complaint in error[: error.index("</div>")]
    assert f'value="{value}"' in page
    assert 'value="Ada"' in page or field == "customer"
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("apply", {}, OperationKind.APPLY),
        ("suspend", {"reason": "unpaid"}, OperationKind.SUSPEND),
        ("remove", {}, OperationKind.DELETE),
        ("php", {"php_version": "8.3"}, OperationKind.CHANGE_PHP),
        ("add-domain", {"name": "blog.example", "www": "on"}, OperationKind.ADD_DOMAIN),
        ("add-database", {"name": "shop"}, OperationKind.ADD_DATABASE),
        (
            "add-database-user",
            {"name": "shop", "password": "x" * 20, "host": "localhost"},
            OperationKind.CHANGE_DATABASE_USER,
        ),
    ],
)
def test_actions_of_a_service_lead_to_a_plan(
    admin_client: Client, service: HostingService, name: str, data: dict[str, str], kind: OperationKind
) -> None:
    """Every action on a service is one operation that waits for approval."""
    answer = act(admin_client, service, name, **data)
    operation = Operation.objects.get()
    assert operation.kind == kind and operation.needs_approval
    assert answer.redirect_chain[-1][0].startswith(f"/admin/hosting/operation/{operation.pk}/")


def test_an_action_can_be_applied_at_once(admin_client: Client, service: HostingService) -> None:
    """The second button skips the look at the plan, where the action allows that."""
    act(admin_client, service, "apply", approval="at_once")
    act(admin_client, service, "remove", approval="at_once")
    waits = dict(Operation.objects.values_list("kind", "needs_approval"))
    assert waits == {OperationKind.APPLY: False, OperationKind.DELETE: True}


def test_resuming(admin_client: Client, service: HostingService) -> None:
    """A suspended service can be resumed, an active one can't, and says why."""
    assert "is active, not suspended" in words(act(admin_client, service, "resume"))
    service.state = ServiceState.SUSPENDED
    service.save()
    act(admin_client, service, "resume")
    assert Operation.objects.get().kind == OperationKind.RESUME


def test_dns_records(admin_client: Client, service: HostingService) -> None:
    """Add, change and delete a record; a record that breaks the zone is refused."""
    domain = service.domains.get()
    act(admin_client, domain, "add-record", name="@", type="MX", content="10 mail.example.com.", ttl=300)
    record = DnsRecord.objects.get(type="MX")
    assert record.ttl == 300
    act(admin_client, record, "edit", name="@", content="20 mail.example.com.", ttl=300)
    record.refresh_from_db()
    assert record.content == "20 mail.example.com."
    act(admin_client, record, "remove")
    assert not DnsRecord.objects.filter(type="MX").exists()
    before = Operation.objects.count()
    answer = act(admin_client, domain, "add-record", name="www", type="CNAME", content="anna.example.", ttl=300)
    assert "CNAME" in words(answer)
    assert Operation.objects.count() == before and not DnsRecord.objects.filter(type="CNAME").exists()


def test_removing_a_domain_and_databases(admin_client: Client, service: HostingService) -> None:
    """The object pages of domains, databases and accounts lead to their operations."""
    extra = rows.domain(service, "blog.example")
    database = rows.database(service, "shop")
    account = service.database_users.get()
    assert "is the main domain" in words(act(admin_client, service.domains.get(is_primary=True), "remove"))
    act(admin_client, account, "password", password="y" * 20)
    act(admin_client, account, "remove")
    act(admin_client, database, "remove")
    act(admin_client, extra, "remove")
    kinds = set(Operation.objects.values_list("kind", flat=True))
    wanted = {OperationKind.CHANGE_DATABASE_USER, OperationKind.REMOVE_DATABASE, OperationKind.REMOVE_DOMAIN}
    assert kinds == wanted
    assert not Domain.objects.filter(name="blog.example").exists()


def test_a_password_is_shown_once(admin_client: Client, service: HostingService) -> None:
    """A fresh password stands in the form, is nowhere afterwards, and browsers may not keep the page."""
    first = admin_client.get(f"{SERVICES}{service.pk}/add-database-user/")
    password = re.search(r'name="password" value="([A-Za-z0-9]{24})"', first.content.decode())
    assert password is not None and "no-store" in first.headers["Cache-Control"]
    answer = act(admin_client, service, "add-database-user", name="shop", password=password[1], host="localhost")
    account = service.database_users.get()
    page = admin_client.get(f"/admin/hosting/databaseuser/{account.pk}/change/")
    assert password[1] not in answer.content.decode() + page.content.decode()
    assert password[1] not in str(list(Event.objects.values())) + str(list(Operation.objects.values()))


def test_approving_exactly_what_was_shown(admin_client: Client, service: HostingService) -> None:
    """The button sends the digest of the plan on the page; another one is refused and said."""
    operation = rows.operation(service, state=OperationState.PLANNED)
    url = f"/admin/hosting/operation/{operation.pk}/"
    page = admin_client.get(f"{url}change/")
    text = words(page)
    assert "Creates 5, changes 0, removes 0 on web-1." in text and "No other service is touched." in text
    assert f"manage.py operation_approve {operation.pk} {operation.plan_digest}" in text
    assert "The plan is not the one you saw." in words(
        admin_client.post(f"{url}approve/", {"digest": "0" * 64}, follow=True)
    )
    operation.refresh_from_db()
    assert operation.state == OperationState.PLANNED
    admin_client.post(f"{url}approve/", {"digest": operation.plan_digest})
    operation.refresh_from_db()
    assert (operation.state, operation.expected_digest) == (OperationState.PENDING, operation.plan_digest)


def test_what_failed_can_be_tried_again_or_discarded(admin_client: Client, service: HostingService) -> None:
    """A rolled-back operation says what happened, that all was taken back, the next step and the trace."""
    error = {
        "code": "configuration_invalid",
        "detail": "nginx refuses.",
        "hint": "Look at line 14.",
        "permanent": False,
    }
    operation = rows.operation(
        service, state=OperationState.ROLLED_BACK, kind=OperationKind.APPLY, begun=3, error=error
    )
    url = f"/admin/hosting/operation/{operation.pk}/"
    text = words(admin_client.get(f"{url}change/"))
    assert "nginx refuses." in text and "Everything was taken back: 3 changes on web-1" in text
    assert "Look at line 14." in text and operation.trace_id in text
    service.mark_unsynced({"*"})
    service.save()
    admin_client.post(f"{url}retry/")
    admin_client.post(f"{url}discard/")
    later = Operation.objects.exclude(pk=operation.pk).order_by("created_at")
    assert [again.kind for again in later] == [OperationKind.APPLY, OperationKind.ADOPT]


def test_rolling_back(admin_client: Client, service: HostingService) -> None:
    """A succeeded operation can be rolled back, as a plan first."""
    operation = rows.operation(service, kind=OperationKind.CHANGE_PHP, changes=rows.change_of(service))
    act(admin_client, operation, "roll-back", reason="the shop needs 8.2")
    undo = Operation.objects.get(kind=OperationKind.ROLLBACK)
    assert undo.reverts_id == operation.pk and undo.needs_approval


def test_drift_is_repaired_or_adopted(admin_client: Client, service: HostingService) -> None:
    """The page shows both sides; the buttons lead on."""
    item, other = rows.drift(service), rows.drift(node=rows.node("web-2"))
    text = words(admin_client.get(f"/admin/hosting/driftitem/{item.pk}/change/"))
    assert "max_children: 50" in text and "max_children: 5" in text
    act(admin_client, item, "repair", approval="plan")
    item.refresh_from_db()
    assert item.state == DriftState.REPAIRED and item.operation is not None and item.operation.needs_approval
    assert "belongs to no hosting service" in words(act(admin_client, other, "adopt"))
    mine = rows.drift(service, key="anna2", open_key="x")
    act(admin_client, mine, "adopt")
    mine.refresh_from_db()
    assert mine.state == DriftState.ADOPTED and mine.closed_by == "admin@panel.test"


def test_a_node_from_nothing(admin_client: Client) -> None:
    """Add, copy the key, pin the host keys with their fingerprint shown, bootstrap with a plan, scan."""
    data = {"name": "web-9", "address": "192.0.2.9", "ssh_port": 22, "ssh_user": "root", "connection": "ssh",
            "public_addresses": "192.0.2.9, 2001:db8::9", "nameservers": "ns1.example.net"}  # fmt: skip
    answer = admin_client.post("/admin/hosting/node/add/", data, follow=True)
    node = Node.objects.get(name="web-9")
    assert node.public_addresses == ["192.0.2.9", "2001:db8::9"]
    assert node.public_key in answer.content.decode()
    assert "type does not match" in words(act(admin_client, node, "host-keys", host_keys="ssh-ed25519 QUJD"))
    page = words(act(admin_client, node, "host-keys", host_keys=rows.HOST_KEY))
    assert "SHA256:aAoRzHiE+1C9Z7u6gHFU8xTBtSwu7MlVNHLeSaZ+YXo" in page
    act(admin_client, node, "bootstrap")
    assert Operation.objects.get().kind == OperationKind.BOOTSTRAP
    Node.objects.filter(pk=node.pk).update(state=NodeState.READY)
    assert "The worker scans the node now." in words(act(admin_client, node, "scan"))


def test_a_server_that_does_not_answer_is_said(admin_client: Client) -> None:
    """Asking for host keys of a server that is not there shows the reason, and pins nothing."""
    node = factories.make_node(name="gone", address="127.0.0.1", ssh_port=1, host_keys="")
    answer = admin_client.post(f"/admin/hosting/node/{node.pk}/scan-host-keys/")
    assert answer.status_code == 200 and "127.0.0.1" in words(answer)
    node.refresh_from_db()
    assert node.host_keys == ""
