"""The record is a kind of what is kept: one command archives it, and one search finds its events, hot and archived."""

import datetime
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import Event, Segment
from audit.record import Target
from audit.sealing import seal_pending
from audit.triggers import install_triggers
from observability import retention
from observability.archive import ArchiveStore
from observability.log_search import Reading, Wanted, search
from observability.models import RetentionRun
from observability.retained import get_kind

from .trail import drop_triggers, own_keys

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> Iterator[None]:
    own_keys(settings, tmp_path)
    settings.NPANEL_LOG_DIR = tmp_path / "log"
    settings.NPANEL_RETENTION_LOCK = tmp_path / "run" / "lock"
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "archive"}}
    settings.STORAGES = settings.STORAGES | {"archive": storage}
    storages._storages.pop("archive", None)
    yield
    storages._storages.pop("archive", None)


@pytest.fixture
def history(happen: Callable[..., Event]) -> list[Event]:
    """Events of 41 and 40 days ago and of today: of a customer, of a site that mentions them, of another one."""
    made = []
    for ago in (41, 40, 0):
        made.append(happen(target=Target("accounts.customer", "9", "Jürgen Groß Ltd"), reason=f"{ago} days ago"))
        made.append(happen(target=Target("service", "3", "groß"), after={"customer": "Jürgen Groß Ltd", "no": [1]}))
        made.append(happen(target=Target("service", "4", "gross"), after={"customer": "Jürgen Großmann"}))
        seal_pending(now=NOW - datetime.timedelta(days=ago))
    return made


def found(**wanted: Any) -> list[tuple[str, dict[str, Any]]]:
    return list(search(Wanted(kinds=("audit",), **wanted), Reading()))


def uids(**wanted: Any) -> list[str]:
    return sorted(line["context"]["uid"].replace("-", "") for _source, line in found(**wanted))


def test_each_event_is_found_by_name_before_and_after_it_left(history: list[Event]) -> None:
    wanted = sorted(event.uid.hex for event in history if event.target_label != "gross")
    assert uids(names=("jürgen groß",)) == wanted
    retention.run(get_kind("audit"))
    assert Segment.objects.count() == 2
    assert Event.objects.filter(verb="audit_test.happened").count() == 3
    assert uids(names=("jürgen groß",)) == wanted
    assert uids(names=("Jürgen Groß", "alice")) == wanted
    assert len(uids(names=("groß",))) == 6
    assert len(uids(names=("Jürgen Groß Ltd",), archived=False)) == 2
    assert len(uids(names=("alice",), hot=False)) == 6


def test_what_is_archived_and_still_hot_is_found_once(happen: Callable[..., Event]) -> None:
    event = happen(target=Target("service", "5", "young"))
    seal_pending(now=NOW - datetime.timedelta(days=5))
    happen()
    seal_pending()
    run = retention.run(get_kind("audit"))
    assert (run.archived, Event.objects.filter(pk=event.pk).count()) == (1, 1)
    assert uids(names=("young",)) == [event.uid.hex]
    assert uids(names=("young",), hot=False) == []


def test_an_event_is_a_whole_log_line(history: list[Event]) -> None:
    retention.run(get_kind("audit"))
    lines = found(names=("Jürgen Groß Ltd",))
    assert len({source for source, _line in lines}) == 3
    for _source, line in lines:
        assert all(line[name] for name in ("timestamp", "level", "service", "operation", "trace_id", "message"))
        datetime.datetime.fromisoformat(line["timestamp"])
    states = [line["context"]["after"] for _source, line in lines if "after" in line["context"]]
    assert states == [{"customer": "Jürgen Groß Ltd", "no": [1]}] * 3


def test_a_search_by_time_reads_only_the_archives_that_can_matter(history: list[Event]) -> None:
    retention.run(get_kind("audit"))
    reading = Reading()
    late = Wanted(kinds=("audit",), since=NOW - datetime.timedelta(minutes=5), until=NOW + datetime.timedelta(days=1))
    events = [line["context"]["uid"].replace("-", "") for _source, line in search(late, reading)]
    assert {event.uid.hex for event in history} <= set(events)  # all happened now, whenever they were sealed
    assert list(search(Wanted(kinds=("audit",), until=NOW - datetime.timedelta(days=1)), reading)) == []
    assert uids(trace=history[0].trace_id, names=("41 days ago",)) == [history[0].uid.hex]
    assert uids(operation="ssh_connect") == []


def test_one_command_for_all_kinds(history: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("retention", "audit", "--dry-run", "--json")
    planned = json.loads(capsys.readouterr().out)["steps"]
    assert [(step["action"], step["lines"]) for step in planned] == [("archive", 3), ("archive", 3)]
    assert Segment.objects.count() == 0

    call_command("retention", "audit")

    assert "audit: 2 archived (6 lines" in capsys.readouterr().out
    run = RetentionRun.objects.get(kind="audit")
    assert (run.state, run.archived, run.lines, run.deleted) == ("succeeded", 2, 6, 0)
    assert [step["name"] for step in planned] == [one.name for one in ArchiveStore().manifests("audit")]
    kept = Event.objects.get(verb="audit.retain")
    assert kept.after == {"archive": 6, "remove": 6}
    assert [event.outcome for event in Event.objects.filter(verb="retention.run").order_by("pk")] == [
        "requested", "succeeded",
    ]  # fmt: skip
    assert run.use["archived_bytes"] > 0
    assert run.use["days"] == 2


def test_the_schedule_runs_it_where_the_worker_seals(history: list[Event], settings: Any) -> None:
    settings.NPANEL_AUDIT_SEALER = "process"
    retention.run_due()
    assert not RetentionRun.objects.filter(kind="audit").exists()
    settings.NPANEL_AUDIT_SEALER = "worker"
    retention.run_due()
    retention.run_due()
    assert RetentionRun.objects.get(kind="audit").state == "succeeded"


def test_without_its_triggers_nothing_goes(history: list[Event]) -> None:
    drop_triggers("default")
    try:
        with pytest.raises(CommandError, match="Triggers are missing"):
            call_command("retention", "audit")
    finally:
        install_triggers("default")
    assert Segment.objects.count() == 0
    assert RetentionRun.objects.get(kind="audit").state == "failed"


def test_what_was_made_for_somebody_comes_first_and_once(happen: Callable[..., Event]) -> None:
    mentioned = happen(target=Target("service", "3", "x"), after={"note": "for Ada Ltd"})
    creation: dict[str, Any] = {"verb": "operation.service_create", "after": {"customer": "Ada Ltd"}}
    made = happen(target=Target("service", "4", "y"), **creation)
    named = happen(target=Target("accounts.customer", "9", "Ada Ltd"))
    both = happen(target=Target("service", "5", "Ada Ltd"), **creation)
    lines = [line["context"]["uid"].replace("-", "") for _source, line in found(names=("Ada Ltd",))]
    assert lines == [event.uid.hex for event in (named, both, made, mentioned)]
