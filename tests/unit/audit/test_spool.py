"""An outcome that the database can't take is kept on disk and comes back once, with the time it happened."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from audit import spool
from audit.choices import Outcome
from audit.errors import AuditWriteFailed
from audit.models import Event
from audit.record import build_event, record_outcome

from .conftest import ALICE, SITE, TESTED

FIELDS: dict[str, Any] = {"verb": TESTED, "actor": ALICE, "target": SITE, "outcome": Outcome.SUCCEEDED}


@pytest.fixture
def spooled(transactional_db: None, broken_audit_table: Callable[[], Any]) -> None:
    """One outcome that could not be written."""
    with broken_audit_table():
        assert record_outcome(**FIELDS, reason="disk full", after={"password": "hunter2!", "state": "active"}) is None
    assert Event.objects.count() == 0


def test_an_outcome_is_written_when_the_database_works(transactional_db: None) -> None:
    event = record_outcome(**FIELDS)
    assert event is not None
    assert Event.objects.get().uid == event.uid
    assert spool.waiting() == 0


def test_the_spool_is_private_and_holds_no_secret(spooled: None, spool_dir: Path) -> None:
    (file,) = spool_dir.glob("events.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool_dir.stat().st_mode) == 0o700
    assert "hunter2!" not in file.read_text()


def test_replay_inserts_it_once(spooled: None) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("audit_doctor")
        raise SystemExit(0)
    assert ended.value.code == 0, "waiting lines are a warning"
    call_command("audit_replay")
    call_command("audit_replay")
    event = Event.objects.get(verb="audit_test.happened")
    assert (event.reason, event.after["state"], event.actor_login) == ("disk full", "active", "alice")
    assert Event.objects.filter(verb="audit.replay").count() == 1
    assert spool.waiting() == 0


def test_an_interrupted_replay_inserts_nothing_twice(transactional_db: None, spool_dir: Path) -> None:
    events = [build_event(**FIELDS, reason=f"number {number}") for number in range(3)]
    for event in events:
        spool.append(event)
    lines = (spool_dir / "events.jsonl").read_text()
    assert spool.replay().inserted == 3
    (spool_dir / "events.replaying").write_text(lines)  # killed after the inserts, before the file went
    result = spool.replay()
    assert (result.inserted, result.known, result.waiting) == (0, 3, 0)
    assert sorted(Event.objects.values_list("reason", flat=True)) == ["number 0", "number 1", "number 2"]


def test_the_time_is_the_time_it_happened(transactional_db: None) -> None:
    event = build_event(**FIELDS)
    spool.append(event)
    spool.replay()
    assert Event.objects.get().occurred_at == event.occurred_at


def test_lines_stay_while_the_database_still_refuses(spooled: None, broken_audit_table: Callable[[], Any]) -> None:
    with broken_audit_table(), pytest.raises(SystemExit) as ended:
        call_command("audit_replay")
    assert ended.value.code == 2
    assert spool.waiting() == 1
    call_command("audit_replay")
    assert Event.objects.filter(verb="audit_test.happened").count() == 1


def test_a_line_cut_by_a_power_failure_is_set_aside(spooled: None, spool_dir: Path) -> None:
    file = spool_dir / "events.jsonl"
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    spool.append(build_event(**FIELDS, reason="after the power came back"))
    with pytest.raises(SystemExit) as ended:
        call_command("audit_replay")
    assert ended.value.code == 1
    assert Event.objects.get(verb="audit_test.happened").reason == "after the power came back"
    assert (spool_dir / "events.rejected").read_text().strip() == whole[: len(whole) // 2]


def test_many_writers_lose_no_line(transactional_db: None) -> None:
    events = [build_event(**FIELDS, reason=str(number)) for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spool.append, events))
    assert spool.waiting() == 60
    assert spool.replay().inserted == 60
    assert set(Event.objects.values_list("uid", flat=True)) == {event.uid for event in events}


def test_without_a_disk_the_caller_is_told(
    transactional_db: None, settings: Any, tmp_path: Path, broken_audit_table: Callable[[], Any]
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a directory")
    settings.NPANEL_AUDIT_SPOOL_DIR = in_the_way / "spool"
    with broken_audit_table(), pytest.raises(AuditWriteFailed):
        record_outcome(**FIELDS)
    settings.NPANEL_AUDIT_SPOOL_DIR = ""
    with pytest.raises(ImproperlyConfigured):
        spool.spool_dir()
