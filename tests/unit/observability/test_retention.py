"""Retention of log files: turned over, archived, deleted; nothing is lost and nothing is there twice."""

import datetime
import errno
import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.errors import AuditWriteFailed
from audit.models import Event
from observability import retention
from observability.archive import ArchiveCorrupt, ArchiveError, ArchiveStore, Manifest
from observability.batches import Batch
from observability.log_files import LogFiles
from observability.log_search import Reading, Wanted, search
from observability.models import RetentionRun
from observability.retained import RetentionRefused
from tests.unit.audit.refusal import events_refused

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.NPANEL_LOG_DIR = tmp_path / "log"
    settings.NPANEL_RETENTION_LOCK = tmp_path / "run" / "lock"
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "archive"}}
    settings.STORAGES = settings.STORAGES | {"archive": storage}
    storages._storages.pop("archive", None)
    settings.NPANEL_LOG_DIR.mkdir()
    yield settings.NPANEL_LOG_DIR
    storages._storages.pop("archive", None)


def line(day: datetime.date, number: int, **fields: Any) -> str:
    return json.dumps({"timestamp": f"{day}T08:00:00.{number:03}Z", "level": "info", "operation": "command",
                       "trace_id": f"{day:%Y%m%d}{number:024}", "message": f"line {number}"} | fields)  # fmt: skip


def fill(folder: Path, age: int, count: int = 20, **fields: Any) -> Path:
    day = TODAY - datetime.timedelta(days=age)
    path = folder / f"npanel-admin.log.{day}"
    path.write_text("".join(line(day, number, **fields) + "\n" for number in range(count)))
    noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC).timestamp()
    os.utime(path, (noon, noon))
    return path


def everything(hot: bool = True) -> Counter[str]:
    return Counter(found["trace_id"] for _source, found in search(Wanted(kinds=("app",), hot=hot), Reading()))


def test_old_files_go_into_archives_and_stay_to_be_found(folder: Path) -> None:
    old, young = fill(folder, 20), fill(folder, 10)
    before = everything()

    run = retention.run(LogFiles())

    assert (run.state, run.archived, run.lines, run.deleted) == ("succeeded", 1, 20, 0)
    assert not old.exists()
    assert young.exists()
    assert everything() == before
    assert set(before.values()) == {1}


def test_an_archive_past_its_day_is_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 15)
    retention.run(LogFiles())
    monkeypatch.setattr(timezone, "now", lambda: NOW + datetime.timedelta(days=17))

    run = retention.run(LogFiles(), trust_clock=True)

    assert run.deleted == 1
    assert list(ArchiveStore().manifests("app")) == []


def test_a_full_disk_does_not_keep_what_may_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleting makes the room without which nothing can be archived."""
    fill(folder, 20)
    retention.run(LogFiles())
    fill(folder, 15)
    monkeypatch.setattr(timezone, "now", lambda: NOW + datetime.timedelta(days=40))
    with monkeypatch.context() as full, pytest.raises(ArchiveError, match="OSError"):
        full.setattr("os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no room")))
        retention.run(LogFiles(), trust_clock=True)
    assert not everything(hot=False)
    assert sum(everything().values()) == 20


def test_what_was_archived_late_is_not_deleted_at_once(folder: Path) -> None:
    fill(folder, 200)

    assert retention.run(LogFiles()).deleted == 0
    assert retention.run(LogFiles()).deleted == 0
    assert sum(everything().values()) == 20


class KilledBeforeTheRemoval(LogFiles):
    """Log files whose run somebody ends once the archive is there."""

    def remove(self, batch: Batch, lines: int) -> None:
        raise KeyboardInterrupt


class KilledAfterTheRemoval(LogFiles):
    """Log files whose run somebody ends once they are gone."""

    def remove(self, batch: Batch, lines: int) -> None:
        super().remove(batch, lines)
        raise KeyboardInterrupt


class KilledWhileTheyAreRead(LogFiles):
    """Log files whose run somebody ends while the archive is written."""

    def lines(self, batch: Batch) -> Iterator[bytes]:
        yield next(super().lines(batch))
        raise KeyboardInterrupt


class KilledBeforeTheManifest(ArchiveStore):
    """A store that somebody ends between an archive and what says that it is whole."""

    def _put_manifest(self, manifest: Manifest) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kind", "store"),
    [
        (KilledBeforeTheRemoval, ArchiveStore),
        (KilledAfterTheRemoval, ArchiveStore),
        (KilledWhileTheyAreRead, ArchiveStore),
        (LogFiles, KilledBeforeTheManifest),
    ],
)
def test_a_run_that_was_killed_is_run_again(folder: Path, kind: type[LogFiles], store: type[ArchiveStore]) -> None:
    for age in (20, 21, 22):
        fill(folder, age)
    before = everything()
    with pytest.raises(KeyboardInterrupt):
        retention.run(kind(), store=store())
    assert RetentionRun.objects.get().state == "running"

    retention.run(LogFiles())

    assert everything() == before
    assert list(folder.iterdir()) == []
    assert [run.state for run in RetentionRun.objects.order_by("pk")] == ["interrupted", "succeeded"]
    assert len(list(ArchiveStore().manifests("app"))) == 3


def test_a_damaged_archive_keeps_the_hot_file(folder: Path) -> None:
    path = fill(folder, 20)
    with pytest.raises(KeyboardInterrupt):
        retention.run(KilledBeforeTheRemoval())
    stored = next((folder.parent / "archive").rglob("*.gz"))
    stored.write_bytes(stored.read_bytes()[:-9] + b"corrupted")

    with pytest.raises(ArchiveCorrupt):
        retention.run(LogFiles())

    assert path.exists()
    assert RetentionRun.objects.first().state == "failed"
    with pytest.raises(SystemExit):
        call_command("retention", "app", "--verify")


def test_a_file_is_turned_over_while_processes_write_to_it(folder: Path) -> None:
    path = folder / "npanel-admin.log"
    handlers = [logging.handlers.WatchedFileHandler(path) for _ in range(2)]
    yesterday = TODAY - datetime.timedelta(days=1)

    def write(number: int, day: datetime.date) -> None:
        text = line(day, number)
        handlers[number % 2].emit(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))

    for number in range(10):
        write(number, yesterday)
    retention.run(LogFiles())
    for number in range(10, 20):
        write(number, TODAY)
    retention.run(LogFiles())

    assert sorted(file.name for file in folder.iterdir()) == ["npanel-admin.log", f"npanel-admin.log.{yesterday}"]
    assert len(path.read_text().splitlines()) == 10
    assert sum(everything().values()) == 20
    for handler in handlers:
        handler.close()


@pytest.mark.parametrize("days", [-1, 4, 400])
def test_a_clock_that_jumped_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    retention.run(LogFiles())
    path = fill(folder, 16)
    monkeypatch.setattr(timezone, "now", lambda: NOW + datetime.timedelta(days=days))

    with pytest.raises(RetentionRefused, match="--trust-clock"):
        retention.run(LogFiles())
    assert path.exists()
    retention.run(LogFiles(), trust_clock=True)
    assert not path.exists() or days < 0


def test_a_clock_that_was_put_right_is_believed_once_somebody_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only for the one run: the last one is the one made last, whatever the clock said before."""
    with monkeypatch.context() as ahead:
        ahead.setattr(timezone, "now", lambda: NOW + datetime.timedelta(days=400))
        retention.run(LogFiles())
    retention.run(LogFiles(), trust_clock=True)
    assert retention.run(LogFiles()).state == "succeeded"


def test_two_runs_at_once_are_one_too_many(folder: Path) -> None:
    with retention._alone(LogFiles()), pytest.raises(RetentionRefused, match="under way"):
        retention.run(LogFiles())


@pytest.mark.django_db(transaction=True)
def test_each_run_is_audited_and_an_unaudited_one_does_nothing(folder: Path) -> None:
    path = fill(folder, 20)
    with events_refused(), pytest.raises(AuditWriteFailed):
        retention.run(LogFiles())
    assert path.exists()
    assert not RetentionRun.objects.exists()

    retention.run(LogFiles())

    events = Event.objects.filter(verb="retention.run").order_by("pk")
    assert [event.outcome for event in events] == ["requested", "succeeded"]
    assert events[1].after == {"archived": 1, "lines": 20, "bytes": events[1].after["bytes"], "deleted": 0}


def test_dry_run_says_what_a_run_then_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = fill(folder, 20)
    call_command("retention", "app", "--dry-run", "--json")
    (step,) = json.loads(capsys.readouterr().out)["steps"]

    assert (step["action"], step["lines"], step["bytes"]) == ("archive", 20, path.stat().st_size)
    assert path.exists()
    call_command("retention", "app")
    assert step["name"] in [manifest.name for manifest in ArchiveStore().manifests("app")]


def test_usage_is_measured_or_said_not_to_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("retention", "app", "--usage")
    assert "not measured yet" in capsys.readouterr().out
    sizes = [fill(folder, age).stat().st_size for age in (20, 5)]
    retention.run(LogFiles())
    call_command("retention", "app", "--usage", "--json")
    (use,) = json.loads(capsys.readouterr().out)["usage"]

    assert use["days"] == 16
    assert use["bytes_per_day"] == pytest.approx(sum(sizes) / 16)
    assert use["written_per_year"] == pytest.approx(sum(sizes) / 16 * 365)


def test_search_finds_the_same_before_and_after(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder, 20, tenant_id="acme-7", context={"customer": "Jürgen Groß"}, level="error")
    fill(folder, 3, tenant_id="acme-77")
    day = TODAY - datetime.timedelta(days=20)
    questions = (
        ["--name", "acme-7"], ["--name", "jürgen groß"], ["LINE 19"], ["--level", "error"], ["--operation", "command"],
        ["--trace", f"{day:%Y%m%d}{3:024}"], ["--since", "21d", "--until", str(TODAY - datetime.timedelta(days=10))],
    )  # fmt: skip

    def ask() -> list[list[str]]:
        found = []
        for question in questions:
            call_command("log_search", *question, "--kind", "app", "--json")
            found.append(sorted(capsys.readouterr().out.splitlines()))
        return found

    before = ask()
    assert [len(lines) for lines in before] == [20, 20, 2, 20, 40, 1, 20]
    retention.run(LogFiles())
    assert ask() == before
    call_command("log_search", "--since", "5d", "--kind", "app")
    assert "0 archives read, 1 passed over" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        call_command("log_search", "--name", "acme", "--kind", "app")
    with pytest.raises(CommandError, match="no kind"):
        call_command("log_search", "--kind", "nothing")


def test_periods_that_would_delete_before_archiving_are_refused() -> None:
    environment = os.environ | {"NPANEL_RETENTION_APP_HOT_DAYS": "30"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "NPANEL_RETENTION_APP_DELETE_DAYS" in done.stderr


def test_what_a_person_put_among_logs_and_archives_stops_nothing(folder: Path, settings: Any) -> None:
    """Names that no archive can have, folders, days that no calendar has."""
    fill(folder, 20)
    day = TODAY - datetime.timedelta(days=30)
    for name in (f"my copy.log.{day}", f"-.log.{day}", "npanel-admin.log.2026-02-30"):
        (folder / name).write_text(line(day, 1) + "\n")
    (folder / "old.log").mkdir()
    (folder / f"old.log.{day}").mkdir()
    archives = Path(settings.STORAGES["archive"]["OPTIONS"]["location"]) / "app"
    (archives / "Copy of 2026").mkdir(parents=True)
    (archives / "Copy of 2026" / "x.json").write_text("{}")
    (archives / "Notes.json").write_text("{}")
    assert retention.run(LogFiles()).archived == 1
    assert sum(everything().values()) == 20
    assert retention.run(LogFiles()).state == "succeeded"


def test_a_file_that_is_moved_while_it_is_looked_for_is_no_error(folder: Path) -> None:
    """Retention turns files over at any moment."""
    fill(folder, 3)
    (folder / "npanel-portal.log").write_text(line(TODAY, 1) + "\n")
    lines = LogFiles().hot_lines({})
    next(lines)
    (folder / "npanel-portal.log").unlink()
    assert len(list(lines)) == 19


def test_a_damaged_archive_hides_nothing_else(folder: Path, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither what is hot nor the other archives; the search says that it could not read all."""
    fill(folder, 20), fill(folder, 19), fill(folder, 18), fill(folder, 3)
    retention.run(LogFiles())
    archives = Path(settings.STORAGES["archive"]["OPTIONS"]["location"])
    first, second, _third = sorted(archives.rglob("*.json"))
    first.write_text("{}")
    second.with_suffix(".jsonl.gz").write_bytes(b"")
    with pytest.raises(CommandError, match=r"(?s)manifest.*checksum"):
        call_command("log_search", "--kind", "app", "--json")
    assert len(capsys.readouterr().out.splitlines()) == 40
    settings.STORAGES = settings.STORAGES | {"archive": {"BACKEND": "django.core.files.storage.memory.InMemoryStorage"}}
    storages._storages.pop("archive", None)
    storages["archive"].listdir = lambda _path: (_ for _ in ()).throw(OSError("the bucket is away"))  # type: ignore[method-assign]
    with pytest.raises(CommandError, match="storage failed"):
        call_command("log_search", "--kind", "app", "--json")
    assert len(capsys.readouterr().out.splitlines()) == 20


def test_a_name_is_found_at_the_beginning_of_a_line_within_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What commands print has line breaks and tabs, which JSON writes as letters."""
    fill(folder, 3, count=1, message="refused:\nacme\n")
    fill(folder, 2, count=1, message="refused:\tacme")
    fill(folder, 1, count=1, message="refused: macme")
    call_command("log_search", "--name", "acme", "--kind", "app", "--json")
    assert len(capsys.readouterr().out.splitlines()) == 2
