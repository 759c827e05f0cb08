"""Activity: what was done, by whom, why; nobody else's, and nothing that is the operators' own."""

import dataclasses
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.verbs import CUSTOMER_CREATE, SIGN_IN
from audit.choices import Outcome
from audit.record import Target, record
from hosting import selectors
from hosting.choices import OperationKind, OperationState
from hosting.models import Operation
from hosting.portal import activity
from hosting.services import sites
from hosting.verbs import FILE_QUARANTINE, OPERATION_VERBS
from tests import people
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def anna() -> Account:
    """The account that the tests look at."""
    return account()


def told(own: Account, **query: Any) -> str:
    """The page's text."""
    return words(signed_in(own.person()).get(reverse("portal:activity"), query))


def test_an_operator_is_named_with_the_reason(anna: Account) -> None:
    """Who, why, how it ended; not from where, and nothing from the event's notes."""
    operator = dataclasses.replace(people.operator(), ip="198.51.100.77", session_digest="c0ffee00c0ffee00")
    operation = sites.suspend_service(actor=operator, service=anna.service, reason="Unpaid since March")
    assert "Suspend anna admin@panel.test · anna · “Unpaid since March” Requested" in told(anna)
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.FAILED)
    record(
        verb=OPERATION_VERBS[OperationKind.SUSPEND], actor=operator, outcome=Outcome.FAILED, operation_id=operation.pk,
        target=Target("service", str(anna.service.pk), "anna"), after={"note": "internal note"}, node="web-1",
    )  # fmt: skip
    page = told(anna)
    assert "“Unpaid since March” Failed" in page and page.count("Suspend anna") == 1
    raw = signed_in(anna.person()).get(reverse("portal:activity")).content.decode()
    for hidden in ("198.51.100.77", "c0ffee00", "internal note"):
        assert hidden not in raw


def test_impersonation_names_both(anna: Account) -> None:
    """An operator who acts as the owner is named first."""
    owner = people.actor(anna.person())
    record(
        verb=CUSTOMER_CREATE, outcome=Outcome.SUCCEEDED, target=anna.service.customer,
        actor=dataclasses.replace(owner, impersonator_id="1", impersonator_login="admin@panel.test"),
    )  # fmt: skip
    assert f"admin@panel.test for {owner.login}" in told(anna)


def test_only_ones_own(anna: Account) -> None:
    """Other customers' events, sign-ins, nodes and plans are not told; same ids of other kinds neither."""
    other = account("berta", "berta.example")
    record(verb=CUSTOMER_CREATE, actor=people.operator(), target=other.service.customer, outcome=Outcome.SUCCEEDED)
    for kind in ("node", "accounts.user", "hosting.hostingplan", "x"):
        for pk in (anna.service.pk, anna.service.customer_id):
            target = Target(kind, str(pk), f"secret {kind}")
            record(verb=FILE_QUARANTINE, actor=people.operator(), target=target, outcome=Outcome.SUCCEEDED)
    record(verb=SIGN_IN, actor=people.operator(), target=anna.person(), outcome=Outcome.SUCCEEDED)
    assert "Nothing has been done yet." in told(anna)
    assert "berta" in told(other)
    assert "berta" not in words(signed_in(people.reseller(anna.reseller)).get(reverse("portal:activity")))


def test_page_by_page(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older ones are a click away, each once."""
    monkeypatch.setattr(activity, "PAGE_SIZE", 3)
    for number in range(7):
        target = Target("service", str(anna.service.pk), f"event-{number}")
        record(verb=FILE_QUARANTINE, actor=people.operator(), target=target, outcome=Outcome.SUCCEEDED)
    client, url, seen = signed_in(anna.person()), reverse("portal:activity"), []
    while url:
        page = client.get(url)
        seen += [item.on for item in page.context["activity"]]
        older = page.context["older"]
        url = f"{reverse('portal:activity')}?before={older}" if older else ""
    assert seen == [f"event-{number}" for number in reversed(range(7))]
    assert client.get(reverse("portal:activity"), {"before": "x", "service": "'"}).status_code == 200


def test_it_uses_the_index(anna: Account) -> None:
    """However many events there are, only those of the actor's targets are looked at."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        selectors.activity(people.actor(anna.person()))
    question = next(q["sql"] for q in queries if "target_type" in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {question}" if connection.vendor == "sqlite" else f"EXPLAIN {question}")
        plan = str(cursor.fetchall())
    assert "audit_target" in plan and "SCAN audit_event" not in plan
