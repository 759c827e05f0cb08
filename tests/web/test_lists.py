"""The start page and the lists: what they name, find, cost, and never render."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Event
from hosting.choices import OperationState
from hosting.models import HostingService, Node
from observability.models import HealthPeriod, Incident
from tests import factories
from tests.web import rows
from tests.web.pages import words

pytestmark = pytest.mark.django_db

SERVICES = "/admin/hosting/hostingservice/"


@pytest.fixture
def service() -> HostingService:
    """An active service on a ready node."""
    return rows.service("anna", "anna.example", node=rows.node("web-1"), plan=factories.make_plan(name="Starter"))


def test_the_start_page_names_what_needs_somebody(admin_client: Client, service: HostingService) -> None:
    """Failed, waiting and silent things each get a line; a later success takes the failure off the list."""
    rows.operation(service, state=OperationState.PLANNED)
    Node.objects.filter(pk=service.node_id).update(last_seen_at=None)
    rows.drift(service)
    other = rows.service("bert", "bert.example", node=service.node)
    failed = rows.operation(other, state=OperationState.FAILED, error={"detail": "No route to host.", "hint": ""})
    text = words(admin_client.get("/admin/"))
    for line in (
        "Create service: failed",
        "waits for your approval",
        "web-1 has not answered",
        "1 difference on web-1",
    ):
        assert line in text
    rows.operation(other, state=OperationState.SUCCEEDED, at=failed.created_at.replace(year=failed.created_at.year + 1))
    assert "Create service: failed" not in words(admin_client.get("/admin/"))


def test_the_start_page_names_what_health_checks_find_down(admin_client: Client, service: HostingService) -> None:
    """A line for each that no incident tells already, and the node's tile says it; degraded is for the health page."""
    says = {"began_at": timezone.now(), "seen_at": timezone.now()}
    for check, status in (("daemons", "down"), ("dns", "degraded"), ("ssh", "up")):
        HealthPeriod.objects.create(
            check_name=check, node="web-1", status=status, summary=f"{check} says", open_key=f"{check}|web-1", **says
        )
    page = admin_client.get("/admin/")
    assert "Hosting daemons of web-1: down daemons says" in words(page)
    assert "dns says" not in words(page) and "ssh says" not in words(page)
    assert re.search(r'class="node tone-bad"[^>]*>.*?<span class="node-state">Down<', page.content.decode())
    Incident.objects.create(
        alert="X", severity="page", summary="nginx stopped", node="web-1", started_at=timezone.now(),
        labels={"check": "daemons"},
    )  # fmt: skip
    text = words(admin_client.get("/admin/"))
    assert "nginx stopped" in text and "daemons says" not in text
    HealthPeriod.objects.filter(check_name="daemons").delete()
    assert 'class="node tone-warn"' in admin_client.get("/admin/").content.decode()


def test_live_parts_answer_only_what_changed(admin_client: Client, service: HostingService) -> None:
    """The page asks each second; nothing new is 204 without a body."""
    operation = rows.operation(service, state=OperationState.RUNNING, begun=2)
    url = f"/admin/hosting/operation/{operation.pk}/live/"
    first = admin_client.get(url)
    version = re.search(r'data-version="([0-9a-f]+)"', first.content.decode())
    assert version is not None
    assert admin_client.get(url, {"version": version[1]}).status_code == 204
    operation.journal.update(state="failed")
    assert admin_client.get(url, {"version": version[1]}).status_code == 200


@pytest.mark.parametrize(
    "query", ["?q=anna", "?q=anna.exa", "?state__exact=suspended", "?sync=out", "?q=nothing", "?o=1"]
)
def test_lists_search_and_filter(admin_client: Client, service: HostingService, query: str) -> None:
    """Searches from the beginning, filters with fixed choices, and a sentence when nothing matches."""
    text = words(admin_client.get(SERVICES + query))
    found = query in ("?q=anna", "?q=anna.exa", "?o=1")
    assert ("anna.example" in text) is found
    assert ("Nothing matches." in text) is not found


def test_lists_cost_the_same_with_many_rows(
    admin_client: Client, service: HostingService, django_assert_max_num_queries: Any
) -> None:
    """Fifty services cost as many queries as one."""
    for number in range(60):
        rows.service(
            f"user{number}x", f"site{number}.example", node=service.node, plan=service.plan, customer=service.customer
        )
    with django_assert_max_num_queries(13):
        answer = admin_client.get(SERVICES)
    assert "1–50 of 61" in words(answer) and "Next" in words(answer)


def test_markup_in_every_text_stays_text(admin_client: Client) -> None:
    """Nothing that somebody typed, or that a daemon said, becomes markup."""
    bad = "<script>alert(1)</script>"
    customer = factories.make_customer(name=bad, notes=bad)
    node = rows.node("web-1", note=bad, facts={"hostname": bad, "os": bad})
    service = rows.service("anna", "anna.example", node=node, customer=customer, plan=factories.make_plan(name=bad))
    domain = service.domains.get()
    record = rows.record(domain, "@", "TXT", bad)
    error = {"code": bad, "detail": bad, "hint": bad, "permanent": True}
    commands = [{"at": "", "argv": ["echo", bad], "exit": 1, "seconds": 0.1, "stderr": bad}]
    operation = rows.operation(
        service, state=OperationState.ROLLBACK_FAILED, error=error, commands=commands, reason=bad, actor_login=bad,
        result={"probes": [{"ref": bad, "answer": bad}]},
    )  # fmt: skip
    item = rows.drift(service, key=bad, diff=["@@ -1 +1 @@", f"-{bad}", f"+{bad}"])
    Event.objects.create(
        actor_type="user", verb="customer.create", outcome="succeeded", target_type="accounts.customer",
        target_id=str(customer.pk), target_label=bad, reason=bad, actor_login=bad, after={"x": bad},
    )  # fmt: skip
    pages = [
        f"/admin/{obj._meta.app_label}/{obj._meta.model_name}/{obj.pk}/change/{tab}"
        for obj in (customer, node, service, domain, record, operation, item, service.plan)
        for tab in ("", "?tab=audit", "?tab=operations", "?tab=drift", "?tab=plan")
    ]
    names = ("node", "hostingservice", "operation", "driftitem", "dnsrecord", "hostingplan")
    lists = ["/admin/accounts/customer/", "/admin/audit/event/", *(f"/admin/hosting/{name}/" for name in names)]
    for page in [*pages, *lists, "/admin/", f"/admin/audit/event/{Event.objects.latest('pk').pk}/change/"]:
        answer = admin_client.get(page)
        assert answer.status_code == 200, page
        assert "<script>alert" not in answer.content.decode(), page


def test_an_empty_installation_says_what_to_do(admin_client: Client) -> None:
    """Three steps stand where later the attention list is."""
    text = words(admin_client.get("/admin/"))
    assert "Three steps to the first site" in text
    assert "Add a node" in text and "Make a hosting plan" in text and "New customer" in text
