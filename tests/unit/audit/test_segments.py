"""Past days are archived, proved and only then removed; holds, clocks and damaged archives stop that."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from audit import holds
from audit.actor import Actor
from audit.choices import ActorType
from audit.erasure import erase
from audit.exporting import Wanted, read
from audit.manifests import check_manifests
from audit.models import Event, Seal, Segment, SubjectKey
from audit.record import Target
from audit.sealing import seal_pending
from audit.verifying import verify
from observability.archive import ArchiveCorrupt, ArchiveStore
from observability.retained import RetentionRefused

from .conftest import ALICE
from .trail import intruder, own_keys, retain

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = Target("accounts.user", "7", "alice@example.test")
NOW = timezone.now()


def days(count: int) -> datetime.timedelta:
    return datetime.timedelta(days=count)


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(FileSystemStorage(tmp_path / "archive"), recipients=())


@pytest.fixture
def old(happen: Callable[..., Event], db: None) -> list[Event]:
    """Two events sealed 41 and 40 days ago, one sealed today."""
    events = []
    for ago in (41, 40, 0):
        events.append(happen(target=PERSON, reason=f"{ago} days ago", after={"email": "alice@example.test"}))
        seal_pending(now=NOW - days(ago))
    return events


def test_old_days_leave_the_database_and_stay_found(old: list[Event], store: ArchiveStore) -> None:
    planned = retain(dry_run=True, store=store)
    assert [step.action for step in planned] == ["archive", "archive"]
    assert Segment.objects.count() == 0
    retain(store=store)
    assert list(Event.objects.filter(verb="audit_test.happened").values_list("pk", flat=True)) == [old[2].pk]
    assert Segment.objects.count() == 2
    assert check_manifests() == ""
    assert verify(store=store).bad is None
    found = [row["reason"] for row in read(Wanted(target="alice@example.test"), store=store)]
    assert found == ["41 days ago", "40 days ago", "0 days ago"]
    assert [row["reason"] for row in read(Wanted(actor="alice", since=NOW + days(1)), store=store)] == []
    assert Event.objects.filter(verb="audit.retain").count() == 1
    assert [step.action for step in retain(store=store)] == []


def test_the_chain_goes_on_after_everything_left(old: list[Event], store: ArchiveStore) -> None:
    retain(store=store)
    assert seal_pending() == 1
    assert verify(store=store).bad is None
    assert Seal.objects.order_by("-seq").values_list("seq", flat=True)[0] == 4


def test_without_a_manifest_nothing_can_be_deleted(old: list[Event], store: ArchiveStore) -> None:
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [old[0].pk])


def test_a_manifest_of_today_opens_nothing(old: list[Event], store: ArchiveStore) -> None:
    retain(store=store)
    Segment.objects.create(
        day=NOW.date(), first_seq=3, last_seq=3, count=1, first_previous_hash="", last_hash="", archive="x",
        sha256="", manifest="",
    )  # fmt: skip
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [old[2].pk])
    assert check_manifests() != ""


def test_a_held_event_stays_below_django_too(old: list[Event], store: ArchiveStore) -> None:
    hold = holds.place(actor=ALICE, reason="Case 12", target_type=PERSON.type, target_id=PERSON.id)
    assert {step.action for step in retain(store=store)} == {"archive", "held"}
    assert Event.objects.filter(pk=old[0].pk).exists()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [old[0].pk])
    holds.release(actor=ALICE, hold=hold, reason="Case closed")
    assert {step.action for step in retain(store=store)} == {"remove"}
    assert set(Event.objects.filter(verb__in=("audit.hold", "audit.release")).values_list("reason", flat=True)) == {
        "Case 12", "Case closed",
    }  # fmt: skip


def test_a_hold_of_a_time_keeps_its_archives(happen: Callable[..., Event], store: ArchiveStore) -> None:
    for ago in (401, 0):
        happen()
        seal_pending(now=NOW - days(ago))
    hold = holds.place(actor=ALICE, reason="Tax", since=NOW - days(500), until=NOW + days(1))
    assert {step.action for step in retain(store=store)} == {"archive", "held"}
    holds.release(actor=ALICE, hold=hold, reason="done")
    assert [{step.action for step in retain(store=store)} for _run in range(2)] == [{"remove"}, {"delete"}]
    assert store.manifest(Segment.objects.get().archive).deleted_at
    assert verify(store=store).bad is None


def test_archives_stay_for_a_year(old: list[Event], store: ArchiveStore, settings: Any) -> None:
    settings.NPANEL_AUDIT_DELETE_DAYS = 1
    retain(store=store)
    assert retain(store=store) == []
    assert not any(store.manifest(row.archive).deleted_at for row in Segment.objects.all())


@pytest.mark.parametrize("jump", [-1, 3])
def test_a_clock_that_jumped_stops_it(old: list[Event], store: ArchiveStore, jump: int) -> None:
    with pytest.raises(RetentionRefused):
        retain(now=NOW + days(jump), store=store)
    assert Segment.objects.count() == 0


def test_a_damaged_archive_keeps_the_rows(old: list[Event], store: ArchiveStore, tmp_path: Path, settings: Any) -> None:
    settings.NPANEL_AUDIT_HOT_DAYS = 60
    retain(store=store)
    file = next((tmp_path / "archive").rglob("*.gz"))
    file.write_bytes(file.read_bytes()[:-9] + b"\0" * 9)
    settings.NPANEL_AUDIT_HOT_DAYS = 30
    with pytest.raises(ArchiveCorrupt):
        retain(store=store)
    assert Event.objects.filter(pk=old[0].pk).exists()


def test_days_that_were_removed_by_hand_are_found(old: list[Event], store: ArchiveStore) -> None:
    retain(store=store)
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_segment WHERE day = %s", [(NOW - days(40)).date().isoformat()])
    found = verify(store=store).bad
    assert found is not None
    assert found.what == "removed"
    assert found.seq == 2


def test_an_erased_person_is_unreadable_and_the_chain_is_sound(
    old: list[Event], store: ArchiveStore, happen: Callable[..., Event]
) -> None:
    other = Actor(
        type=ActorType.USER, id="8", login="bob", ip="192.0.2.8", impersonator_id="7", impersonator_login="alice"
    )
    happen(actor=other, target=Target("service", "1", "shop"), reason="kept")
    retain(store=store)
    assert erase(actor=Actor.system("test"), subject="user:7", reason="asked for it") > 0
    seal_pending()
    assert verify(store=store).bad is None
    assert not SubjectKey.objects.filter(pk="user:7").exists()
    rows = list(read(Wanted(verb="audit_test.happened"), store=store))
    assert "alice" not in json.dumps([{**row, "x": ""} for row in rows], default=str)
    assert [row["actor_login"] for row in rows] == ["erased", "erased", "erased", "bob"]
    assert rows[-1]["impersonator_login"] == "erased"
    assert rows[-1]["reason"] == "kept"
    assert "alice" not in "".join(path.read_text(errors="replace") for path in store_files(store))


def store_files(store: ArchiveStore) -> list[Path]:
    return list(Path(store.storage.base_location).rglob("*.json"))  # type: ignore[attr-defined]


def test_only_an_erased_subject_can_be_blanked(old: list[Event]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET actor_login = 'erased', actor_ip = 'erased' WHERE id = %s", [old[0].pk])
    erase(actor=ALICE, subject="user:9", reason="somebody else")
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET actor_login = 'erased', actor_ip = 'erased' WHERE id = %s", [old[0].pk])


def test_blanking_without_an_erasure_is_found(old: list[Event]) -> None:
    with intruder() as cursor:
        cursor.execute(
            "UPDATE audit_event SET actor_login = 'erased', actor_ip = 'erased', session_digest = '' WHERE id = %s",
            [old[0].pk],
        )
        cursor.execute("DELETE FROM audit_subjectkey")
    found = verify(store=store).bad
    assert found is not None
    assert found.what == "changed"


def test_export_as_csv_and_lines(old: list[Event], capsys: Any, settings: Any, tmp_path: Path) -> None:
    call_command("audit_export", "--format", "csv", "--target", "accounts.user:7")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    call_command("audit_export", "--verb", "audit_test.*", "--actor", "alice")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0]["after"] == {"email": "alice@example.test"}
    with pytest.raises(SystemExit) as ended:
        call_command("audit_export", "--actor", "nobody")
    assert ended.value.code == 1


def test_a_hold_needs_a_reason() -> None:
    with pytest.raises(SystemExit):
        call_command("audit_hold", "--place", "--target", "service:1")
