"""Alerts become incidents, and people deal with them in the console."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Event
from observability.models import HealthPeriod, Incident
from tests import factories, people
from tests.unit.audit.refusal import events_refused, rows_refused, table_away
from tests.web.pages import words
from tests.web.portal import signed_in

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-alertmanager"
HOOK = "/hooks/alertmanager/"


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.NPANEL_ALERT_TOKEN = TOKEN


def alert(status: str = "firing", start: str = "2026-11-01T10:00:00Z", **labels: str) -> dict[str, Any]:
    """One alert as Alertmanager tells it."""
    return {
        "status": status,
        "fingerprint": "0123456789abcdef",
        "startsAt": start,
        "endsAt": "2026-11-01T10:05:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "labels": {"alertname": "NodeDown", "severity": "page", "node": "web1", **labels},
        "annotations": {
            "summary": "web1 <script>does not answer",
            "runbook_url": "https://git.example/docs/runbook/node-down.md#symptoms",
        },
    }


def tell(*alerts: Any, token: str = TOKEN) -> int:
    """The status that a delivery gets."""
    body = json.dumps({"alerts": list(alerts)})
    given = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    return Client().post(HOOK, body, content_type="application/json", **given).status_code


def test_an_alert_opens_one_incident_and_ends_it() -> None:
    """Told twice it is one; resolved it has an end; back soon it is the same, later another."""
    assert tell(alert()) == 200 and tell(alert()) == 200
    incident = Incident.objects.get()
    assert (incident.state, incident.severity, incident.node, incident.runbook) == ("open", "page", "web1", "node-down")
    assert "alert NodeDown (page)" in incident.report and "## Root cause" in incident.report
    tell(alert("resolved"))
    incident.refresh_from_db()
    assert incident.state == "resolved" and incident.ended_at.minute == 5
    tell(alert(start="2026-11-01T10:20:00Z"))
    assert Incident.objects.get().state == "open"
    tell(alert("resolved"))
    tell(alert(start="2026-11-01T12:00:00Z"))
    assert Incident.objects.count() == 2
    told = list(Event.objects.filter(verb__startswith="incident.").order_by("id").values_list("verb", flat=True))
    assert told == [f"incident.{verb}" for verb in ("open", "resolve", "reopen", "resolve", "open")]


def test_what_a_person_resolved_stays_resolved_while_it_burns(admin_client: Client) -> None:
    """Also where the same incident had been opened again; what begins afterwards is news."""
    now = timezone.now()
    tell(alert(start=(now - timedelta(minutes=20)).isoformat()))
    tell(alert("resolved") | {"endsAt": (now - timedelta(minutes=15)).isoformat()})
    again = alert(start=(now - timedelta(minutes=10)).isoformat())
    tell(again)
    incident = Incident.objects.get()
    admin_client.post(f"/admin/observability/incident/{incident.pk}/resolve/", {"reason": "known"})
    tell(again)
    incident.refresh_from_db()
    assert incident.state == "resolved"
    tell(alert(start=(timezone.now() + timedelta(minutes=1)).isoformat()))
    incident.refresh_from_db()
    assert incident.state == "open"


def test_a_storm_of_alerts_is_heard_and_guesses_are_bounded() -> None:
    """A node's fall tells many groups at once; who has no token may not try for ever."""
    assert {tell(alert()) for _ in range(130)} == {200}
    answers = [tell(alert(), token="a guess") for _ in range(130)]
    assert answers[0] == 401 and answers[-1] == 429
    assert tell(alert()) == 200


def test_only_alertmanager_is_heard(settings: Any) -> None:
    """Another token, no token set, and what is no list of alerts."""
    assert tell(alert(), token="another") == 401
    assert tell({"status": "firing"}) == 400 and tell(*[alert()] * 201) == 400
    assert Client().get(HOOK).status_code == 405
    settings.NPANEL_ALERT_TOKEN = ""
    assert tell(alert(), token="") == 401
    assert not Incident.objects.exists()


def test_labels_are_bounded_and_never_believed() -> None:
    """An unknown severity is a warning; long values are cut."""
    tell(alert(severity="<b>", node="n" * 5_000))
    incident = Incident.objects.get()
    assert incident.severity == "warning" and len(incident.node) == 100
    assert max(len(value) for value in incident.labels.values()) <= 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "fault",
    [
        events_refused,
        partial(table_away, "observability_incident"),
        partial(rows_refused, "observability_incident"),
    ],
)
def test_what_the_database_refuses_alertmanager_tells_again(fault: Callable[[], Any]) -> None:
    """503, so that nothing is lost; and nothing is half there."""
    with fault():
        assert tell(alert()) == 503
    assert not Incident.objects.exists() and not Event.objects.exists()
    assert tell(alert()) == 200 and Incident.objects.exists()


def test_an_operator_deals_with_an_incident(admin_client: Client) -> None:
    """On the start page, taken on, noted, reported, resolved; each in the audit log; nothing of it is markup."""
    tell(alert())
    page = f"/admin/observability/incident/{Incident.objects.get().pk}"
    assert "web1 &lt;script&gt;does not answer" in words(admin_client.get("/admin/"))
    assert "<script>does" not in admin_client.get(f"{page}/change/").content.decode()
    assert "/admin/runbook/node-down/#symptoms" in admin_client.get(f"{page}/change/").content.decode()
    admin_client.post(f"{page}/acknowledge/")
    admin_client.post(f"{page}/note/", {"text": "Asked the hoster"})
    admin_client.post(f"{page}/report/", {"text": "A cable"})
    assert "Asked the hoster" in words(admin_client.get(f"{page}/change/"))
    admin_client.post(f"{page}/resolve/", {"reason": "It answers"})
    incident = Incident.objects.get()
    assert (incident.state, incident.report, bool(incident.acknowledged_by)) == ("resolved", "A cable", True)
    assert "web1" in words(admin_client.get("/admin/observability/incident/"))
    verbs = set(Event.objects.filter(actor_type="user").values_list("verb", flat=True))
    assert verbs >= {f"incident.{verb}" for verb in ("acknowledge", "note", "report", "resolve")}


def test_two_who_write_the_report_do_not_lose_each_others_words(admin_client: Client) -> None:
    """The second is told, and keeps the text that was typed."""
    tell(alert())
    page = f"/admin/observability/incident/{Incident.objects.get().pk}/report/"
    (seen,) = re.findall(r'name="seen" value="(\w{64})"', admin_client.get(page).content.decode())
    admin_client.post(page, {"text": "The first one's", "seen": seen})
    answer = admin_client.post(page, {"text": "The second one's", "seen": seen})
    assert "Somebody else has changed the report" in words(answer) and "The second one" in words(answer)
    assert Incident.objects.get().report == "The first one's"


def test_support_reads_and_strangers_do_not(support_client: Client, stranger_client: Client) -> None:
    """Support sees the page and may change nothing."""
    tell(alert())
    page = f"/admin/observability/incident/{Incident.objects.get().pk}"
    assert support_client.get(f"{page}/change/").status_code == 200
    assert support_client.post(f"{page}/acknowledge/").status_code == 403
    assert stranger_client.get(f"{page}/change/").status_code in (302, 403, 404)


def test_the_page_shows_runbook_and_what_ran_around_it() -> None:
    """Beside the incident the page of the runbook; operations lead to their timelines; labels stay text."""
    now = timezone.now()
    HealthPeriod.objects.create(
        check_name="ssh", node="web1", status="down", summary="refused", seen_at=now,
        began_at=now - timedelta(minutes=1),
    )  # fmt: skip
    ran = factories.make_operation(trace_id="5a" * 16)
    tell(alert(start=now.isoformat(), note="<b>bold"))
    incident = Incident.objects.get()
    assert "health ssh of web1: down (refused)" in incident.report
    answer = signed_in(people.support()).get(f"/admin/observability/incident/{incident.pk}/change/")
    page, said = answer.content.decode(), words(answer)
    assert f"/admin/timeline/{ran.trace_id}/" in page and "/admin/performance/" in page
    assert "Runbook: Node down" in said and "manage.py health --node" in page and 'id="symptoms"' in page
    assert "&lt;b&gt;bold" in page and "<script>does" not in page


@pytest.mark.parametrize(("node", "shown"), [("fra-web-2", "fra-web-2"), ("x; reboot", "web1"), ("", "web1")])
def test_the_commands_beside_an_incident_are_about_its_node(admin_client: Client, node: str, shown: str) -> None:
    """They can be pasted as they stand; what is no name stands in none of them."""
    assert tell(alert(node=node)) == 200
    page = admin_client.get(f"/admin/observability/incident/{Incident.objects.get().pk}/change/").content.decode()
    assert f"export NODE={shown}<" in page
    assert "export NODE=web1<" in admin_client.get("/admin/runbook/node-down/").content.decode()


def test_an_incident_without_a_runbook_page_has_none_beside_it() -> None:
    """A page that does not exist is left out, not an error."""
    told = alert()
    told["annotations"]["runbook_url"] = "https://git.example/docs/runbook/gone.md"
    tell(told)
    answer = signed_in(people.support()).get(f"/admin/observability/incident/{Incident.objects.get().pk}/change/")
    assert answer.status_code == 200
    assert "incident-runbook" not in answer.content.decode()
