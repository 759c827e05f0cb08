"""The console's search: what each prefix finds, for whom, and what it says when there is nothing."""

from typing import Any

import pytest
from django.test import Client

from accounts.verbs import SIGN_IN
from audit.choices import Outcome
from audit.record import record
from hosting.models import HostingService, Operation
from tests import factories, people
from tests.web import rows
from tests.web.pages import words

pytestmark = pytest.mark.django_db

SEARCH = "/admin/search/"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def service() -> HostingService:
    """A customer's service with a database, and another customer's beside it."""
    node = rows.node("fra-web-1", address="192.0.2.7", public_addresses=["203.0.113.9"])
    customer = factories.make_customer(name="Bäckerei Müller", email="office@mueller.example")
    made = rows.service("baecker", "xn--bckerei-mller-bfb28a.example", node=node, customer=customer)
    rows.database(made, "shop")
    rows.service("zoe", "zoe.example", node=rows.node("waw-web-1", address="198.51.100.7"))
    return made


@pytest.fixture
def operation(service: HostingService) -> Operation:
    """An operation on the first service, and an event under the same trace and from an address."""
    made = rows.operation(service, trace_id=TRACE)
    actor = people.operator()
    with_ip = type(actor)(**{**{f: getattr(actor, f) for f in actor.__dataclass_fields__}, "ip": "203.0.113.77"})
    record(verb=SIGN_IN, actor=with_ip, target=people.admin(), outcome=Outcome.SUCCEEDED)
    return made


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("baecker", ["Services baecker", "Databases baecker_shop", "Operations Create service baecker"]),
        ("domain:xn--bck", ["bäckerei-müller.example", "of baecker"]),
        ("domain:Bäckerei-Müller.example", ["bäckerei-müller.example"]),
        ("user:admin@", ["admin@panel.test", "Administrator"]),
        ("user:baeck", ["Services baecker", "Database users baecker_shop@localhost"]),
        ("service:xn--bckerei", ["Services baecker", "Active"]),
        ("customer:Bäck", ["Bäckerei Müller office@mueller.example"]),
        ("customer:office@m", ["Bäckerei Müller"]),
        ("db:baecker_", ["Databases baecker_shop", "baecker_shop@localhost"]),
        ("ip:203.0.113.9", ["Nodes fra-web-1", "192.0.2.7, 203.0.113.9"]),
        ("ip:203.0.113.77", ["Audit Signed in", "admin@panel.test · 203.0.113.77"]),
        ("203.0.113.9", ["Nodes fra-web-1"]),
        ("node:FRA", ["fra-web-1", "Ready"]),
        ("op:baeck", ["Create service baecker"]),
        (f"trace:{TRACE}", ["Operations Create service baecker"]),
        ("trace:4bf92f35", ["Operations Create service baecker"]),
        (TRACE, ["Operations Create service baecker"]),
    ],
)
def test_each_prefix_finds_its_own(admin_client: Client, operation: Operation, line: str, expected: list[str]) -> None:
    """What begins with the text is found, with what tells it apart; what belongs to others is not."""
    text = words(admin_client.get(SEARCH, {"q": line}))
    for part in expected:
        assert part in text
    assert "zoe.example" not in text


def test_an_operation_is_found_by_its_id(admin_client: Client, operation: Operation) -> None:
    """Its id as the address bar has it, with and without the prefix."""
    for line in (f"op:{operation.pk}", str(operation.pk)):
        answer = admin_client.get(SEARCH, {"q": line})
        if line.startswith("op:"):
            assert f"/admin/hosting/operation/{operation.pk}/change/" in answer.content.decode()
        assert answer.status_code == 200


def test_a_trace_leads_to_what_was_recorded(admin_client: Client, service: HostingService) -> None:
    """Operation and audit events of a trace stand together, each a link."""
    operation = rows.operation(service, trace_id=TRACE)
    event = factories_event(operation)
    page = admin_client.get(SEARCH, {"q": f"trace:{TRACE}"}).content.decode()
    assert f"/admin/hosting/operation/{operation.pk}/change/" in page
    assert f"/admin/audit/event/{event.pk}/change/" in page


def factories_event(operation: Operation) -> Any:
    """An audit event of an operation, under its trace."""
    from audit.models import Event

    return Event.objects.create(
        actor_type="user", verb="service.create", outcome="succeeded", target_type="service",
        target_label=operation.target_label, trace_id=operation.trace_id, operation_id=str(operation.pk),
    )  # fmt: skip


def test_more_than_fit_lead_to_the_list(admin_client: Client, service: HostingService) -> None:
    """Five of a sort are shown; a link leads to all of them in their list."""
    for number in range(7):
        rows.domain(service, f"many{number}.example")
    page = admin_client.get(SEARCH, {"q": "many"}).content.decode()
    assert page.count("many") and "many4.example" in page and "many5.example" not in page
    assert "/admin/hosting/domain/?q=many" in page
    assert "many6.example" in words(admin_client.get("/admin/hosting/domain/?q=many"))


def test_nothing_found_and_nothing_asked_say_what_to_do(admin_client: Client, service: HostingService) -> None:
    """An empty search explains the prefixes; one without hits says where it looked and what else to try."""
    assert "Type the beginning of a name" in words(admin_client.get(SEARCH))
    text = words(admin_client.get(SEARCH, {"q": "quark"}))
    assert "Nothing begins with “quark”." in text and "Narrow it down" in text
    text = words(admin_client.get(SEARCH, {"q": "domain:quark"}))
    assert "Only domain: was searched." in text and "Search everything" in text


def test_the_palette_gets_only_the_results(admin_client: Client, service: HostingService) -> None:
    """The same page's inner part, without the shell around it."""
    page = admin_client.get(SEARCH, {"q": "baecker", "part": "results"}).content.decode()
    assert "<html" not in page and "/admin/hosting/hostingservice/" in page


def test_markup_in_a_search_stays_text(admin_client: Client, service: HostingService) -> None:
    """What is typed comes back as text, in the page and in its part."""
    for part in ("", "results"):
        page = admin_client.get(SEARCH, {"q": "<script>alert(1)</script>", "part": part}).content.decode()
        assert "<script>alert" not in page


@pytest.mark.parametrize("line", ["%", "_", "domain:%", "ip:'", "op:zzz", "trace:", "a" * 500, "\x00", "user:\\"])
def test_strange_searches_find_nothing_and_break_nothing(
    admin_client: Client, service: HostingService, line: str
) -> None:
    """Wildcards are letters like others; nothing typed breaks the page."""
    answer = admin_client.get(SEARCH, {"q": line})
    assert answer.status_code == 200
    assert "baecker.example" not in words(answer) and "zoe.example" not in words(answer)


def test_only_operators_may_search(
    support_client: Client, stranger_client: Client, client: Client, service: HostingService
) -> None:
    """Support searches; a customer and nobody are sent away, and nothing is changed by it."""
    assert "Services baecker" in words(support_client.get(SEARCH, {"q": "baecker"}))
    for outsider in (stranger_client, client):
        answer = outsider.get(SEARCH, {"q": "baecker", "part": "results"})
        assert answer.status_code == 302 and "/login/" in answer.headers["Location"]
    assert support_client.post(SEARCH, {"q": "baecker"}).status_code == 405


def test_an_event_says_what_happened_in_words(admin_client: Client, service: HostingService) -> None:
    """Its page has before and after side by side, and leads to all that happened under its trace."""
    from audit.models import Event

    event = Event.objects.create(
        actor_type="user", actor_login="admin@panel.test", actor_ip="203.0.113.5", verb="customer.change",
        outcome="succeeded", target_label="Ada", before={"email": "a@x.example"}, after={"email": "b@x.example"},
        trace_id=TRACE, reason="Ticket 4711",
    )  # fmt: skip
    answer = admin_client.get(f"/admin/audit/event/{event.pk}/change/")
    text = words(answer)
    assert "Changed the customer Ada" in text and "Ticket 4711" in text
    assert "email a@x.example b@x.example" in text
    assert f"/admin/timeline/{TRACE}/" in answer.content.decode() and "?q=ip:203.0.113.5" in answer.content.decode()
    assert admin_client.get("/admin/audit/event/999999/change/").status_code == 404
    assert admin_client.post(f"/admin/audit/event/{event.pk}/change/").status_code == 403
