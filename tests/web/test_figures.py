"""How the installation is doing: the figures say what happened, and what it was like a week ago."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone, translation

from accounts.verbs import SIGN_IN_FAILED
from audit.models import Event
from hosting.admin.figures import figures
from hosting.choices import OperationState
from hosting.models import HostingService, Operation
from hosting.templatetags.charts import sparkline
from tests import factories, people
from tests.web import rows
from tests.web.pages import words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    cache.clear()


@pytest.fixture
def service() -> HostingService:
    """A service of today."""
    return rows.service("anna", "anna.example", node=rows.node("web-1"))


def operation(service: HostingService, days: float, seconds: float, state: str = OperationState.SUCCEEDED) -> Operation:
    """An operation of some days ago that took so long."""
    made = rows.operation(service, state=state, at=timezone.now() - timedelta(days=days))
    started = made.started_at or made.created_at
    Operation.objects.filter(pk=made.pk).update(finished_at=started + timedelta(seconds=seconds))
    return made


def shown() -> dict[str, tuple[str, str, str, str]]:
    """Each figure's value, value before, direction and tone."""
    return {f.name: (f.value, f.before, f.trend, f.tone) for f in figures(people.operator())}


def test_each_figure_is_that_of_the_week(service: HostingService) -> None:
    """Seven days against the seven before, with the direction and whether it is good news."""
    for days, seconds in ((1, 2), (2, 4), (3, 6), (8, 1)):
        operation(service, days, seconds)
    operation(service, 4, 3, OperationState.FAILED)
    rows.drift(service)
    for days in (1, 1, 9):
        moment = timezone.now() - timedelta(days=days)
        Event.objects.create(actor_type="anonymous", verb=SIGN_IN_FAILED.name, outcome="denied", occurred_at=moment)
    assert shown() == {
        "Services": ("1", "0", "up", "neutral"),
        "Operations a day": ("0.6", "0.1", "up", "neutral"),
        "Not succeeded": ("25 %", "0 %", "up", "bad"),
        "Time of an operation": ("4.0 s", "1.0 s", "up", "bad"),
        "Open drift": ("1", "0", "up", "bad"),
        "Sign-ins refused": ("2", "1", "up", "bad"),
    }


def test_without_operations_nothing_is_made_up(service: HostingService) -> None:
    """Where nothing was done there is no share and no time."""
    figure = shown()
    assert figure["Not succeeded"] == ("–", "–", "same", "neutral")
    assert figure["Time of an operation"] == ("–", "–", "same", "neutral")


def test_the_start_page_shows_them_for_a_minute(admin_client: Client, service: HostingService) -> None:
    """Figures over large tables are counted once a minute; what needs somebody is always fresh."""
    assert "The last seven days" in words(admin_client.get("/admin/"))
    rows.service("bert", "bert.example", node=service.node)
    rows.operation(service, state=OperationState.PLANNED)
    text = words(admin_client.get("/admin/"))
    assert "Services 1" in text and "waits for your approval" in text
    cache.clear()
    assert "Services 2" in words(admin_client.get("/admin/"))


def test_a_line_shows_changes(service: HostingService) -> None:
    """It begins at zero, or at its least point when that is far from it; equal points make a level line."""
    assert sparkline([0, 5, 10], 20, 24)["line"] == "0.0,22.0 10.0,12.0 20.0,2.0"
    assert sparkline([90, 95, 100], 20, 24)["line"] == "0.0,22.0 10.0,12.0 20.0,2.0"
    assert len({point.split(",")[1] for point in sparkline([0, 0, 0])["line"].split()}) == 1


def test_old_failures_are_seen_by_their_service(admin_client: Client, service: HostingService) -> None:
    """What failed long ago has no line of its own any more; that its service is out of sync stays said."""
    operation(service, 40, 1, OperationState.FAILED)
    service.mark_unsynced({"*"})
    service.save()
    text = words(admin_client.get("/admin/"))
    assert "1 service is out of sync" in text and "Create service: failed" not in text


def test_nodes_that_need_somebody_come_first(admin_client: Client, service: HostingService) -> None:
    """The grid begins with silent and paused nodes, and says in words what each is."""
    rows.node("aaa-1")
    rows.node("zzz-1", last_seen_at=timezone.now() - timedelta(hours=2))
    factories.make_node(name="new-1", state="new", last_seen_at=None)
    text = words(admin_client.get("/admin/"))
    grid = text[text.index("Nodes 4") :]
    assert grid.index("zzz-1 Silent") < grid.index("aaa-1 Ready")


def test_each_language_has_its_own(service: HostingService) -> None:
    """What was kept for one person is not shown to another in the wrong words, or with the wrong mark in numbers."""
    for days in (1, 2, 3, 4):
        operation(service, days, 1.5)
    assert shown()["Operations a day"][0] == "0.6" and shown()["Time of an operation"][0] == "1.5 s"
    with translation.override("de"):
        assert shown()["Vorgänge pro Tag"][0] == "0,6" and shown()["Dauer eines Vorgangs"][0] == "1,5 s"


def test_a_windows_times_are_those_of_its_newest(service: HostingService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are more than a sample holds, the older ones are left out, in each window for itself."""
    monkeypatch.setattr("hosting.admin.figures._SAMPLE", 2)
    for days, seconds in ((1.30, 90), (1.20, 3), (1.10, 5), (4.3, 90), (4.2, 4), (4.1, 4)):
        operation(service, days, seconds)
    assert shown()["Time of an operation"][0] == "4.0 s"
