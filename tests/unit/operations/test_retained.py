"""What is kept of operations: history outlives the customer, hot and in the archive; what is needed stays."""

import datetime
import json
import tracemalloc
import uuid
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.utils import timezone

from audit.actor import Actor
from audit.models import Event
from hosting.choices import OperationKind, OperationState, ServiceState
from hosting.models import HostingService, JournalEntry, Operation
from hosting.retained import Operations
from hosting.services.customers import delete_customer
from observability import retention
from observability.archive import ArchiveStore
from observability.batches import Batch
from observability.log_search import Reading, Wanted, search
from tests.factories import make_customer, make_operation, make_service

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def archive(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.NPANEL_RETENTION_LOCK = tmp_path / "lock"
    settings.NPANEL_LOG_DIR = tmp_path / "log"
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "archive"}}
    settings.STORAGES = settings.STORAGES | {"archive": storage}
    storages._storages.pop("archive", None)
    yield
    storages._storages.pop("archive", None)


def ended(service: HostingService | None, age: int, **fields: Any) -> Operation:
    operation = make_operation(service=service, state=OperationState.SUCCEEDED, **fields)
    moment = timezone.now() - datetime.timedelta(days=age)
    Operation.objects.filter(pk=operation.pk).update(finished_at=moment, started_at=moment)
    JournalEntry.objects.create(
        operation=operation, seq=1, kind="file", key="/etc/nginx/x.conf",
        change={"before": None, "password": "planted-in-a-journal"},
    )  # fmt: skip
    return operation


def terminated(**fields: Any) -> HostingService:
    service = make_service(**fields)
    HostingService.objects.filter(pk=service.pk).update(state=ServiceState.TERMINATED)
    service.refresh_from_db()
    return service


def found(*names: str, **wanted: Any) -> list[str]:
    lines = search(Wanted(names=names, kinds=("operations",), **wanted), Reading())
    return sorted(line["context"]["operation_id"] for _source, line in lines)


def test_a_year_of_history_outlives_the_customer() -> None:
    customer = make_customer(name="Ada Ltd")
    service = terminated(customer=customer)
    ids = sorted(str(ended(service, age).pk) for age in range(1, 365, 7))
    label = service.username
    events = Event.objects.count()

    delete_customer(actor=Actor.system("test"), customer=customer)

    assert Event.objects.filter(target_label="Ada Ltd").exists()
    assert Event.objects.count() > events
    assert found(label) == found("Ada Ltd") == ids
    run = retention.run(Operations())
    assert run.archived == run.lines == len(ids) - 5
    assert Operation.objects.count() == 5
    assert found(label) == found("Ada Ltd") == ids
    assert len(found("Ada Ltd", hot=False)) == len(ids) - 5
    assert not JournalEntry.objects.exclude(operation__in=Operation.objects.all()).exists()


def test_an_archive_tells_the_whole_story_without_secrets() -> None:
    operation = ended(terminated(), 40, reason="spring cleaning", commands=[{"argv": ["nginx", "-t"], "exit": 0}])
    retention.run(Operations())
    (manifest,) = ArchiveStore().manifests("operations")
    (raw,) = ArchiveStore().lines(manifest.name)
    line = json.loads(raw)

    assert (line["trace_id"], line["status"], line["level"]) == (operation.trace_id, "success", "info")
    assert line["context"]["reason"] == "spring cleaning"
    assert line["context"]["commands"][0]["argv"] == ["nginx", "-t"]
    assert line["context"]["journal"][0]["key"] == "/etc/nginx/x.conf"
    assert b"planted-in-a-journal" not in raw


def test_what_somebody_called_off_is_no_error() -> None:
    operation = ended(terminated(), 40)
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.CANCELLED)
    retention.run(Operations())
    (_source, line), *_none = search(Wanted(kinds=("operations",)), Reading())
    assert (line["level"], "status" in line) == ("info", False)


def test_a_day_with_many_operations_is_not_held_in_memory() -> None:
    first = ended(None, 40)
    first.refresh_from_db()
    rows = [copy(first) for _ in range(2_000)]
    for row in rows:
        row.pk, row.result = uuid.uuid4(), {"text": "x" * 20_000}
    Operation.objects.bulk_create(rows, batch_size=50)
    del rows
    tracemalloc.start()
    (batch,) = Operations().batches(timezone.now().date())
    assert tracemalloc.get_traced_memory()[1] < batch.bytes
    tracemalloc.stop()


def test_what_a_rollback_or_a_purge_needs_stays() -> None:
    live, deleted = make_service(), make_service()
    HostingService.objects.filter(pk=deleted.pk).update(state=ServiceState.SOFT_DELETED)
    kept = {ended(live, 100).pk, ended(deleted, 50, kind=OperationKind.DELETE).pk, ended(terminated(), 29).pk}
    running = make_operation(state=OperationState.RUNNING)

    assert retention.run(Operations()).archived == 0
    assert set(Operation.objects.values_list("pk", flat=True)) == kept | {running.pk}


def test_what_becomes_free_later_has_an_archive_beside_the_days() -> None:
    early, late = terminated(), make_service()
    ids = [str(ended(service, 40).pk) for service in (early, late)]
    retention.run(Operations())
    HostingService.objects.filter(pk=late.pk).update(state=ServiceState.TERMINATED)

    assert retention.run(Operations()).archived == 1
    assert [manifest.name[-6:] for manifest in ArchiveStore().manifests("operations")][1:] == [".part2"]
    assert found() == sorted(ids)


class KilledBeforeTheRemoval(Operations):
    """Operations whose run somebody ends once the archive is there."""

    def remove(self, batch: Batch, lines: int) -> None:
        raise KeyboardInterrupt


def test_killed_between_archive_and_delete() -> None:
    service = terminated()
    ids = sorted(str(ended(service, 40).pk) for _ in range(3))
    with pytest.raises(KeyboardInterrupt):
        retention.run(KilledBeforeTheRemoval())
    assert Operation.objects.count() == 3

    assert retention.run(Operations()).lines == 3
    assert found() == ids
    assert Operation.objects.count() == 0


def test_one_command_finds_it_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    service = terminated()
    operation = ended(service, 40)
    retention.run(Operations())

    call_command("log_search", "--name", service.username, "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["trace_id"] == operation.trace_id
    assert "reading operations/" in printed.err


def test_disk_use_is_counted_by_the_database() -> None:
    for age in (3, 3, 40):
        ended(terminated(), age, plan={"text": "x" * 10_000})
    retention.run(Operations())

    measured = Operations().bytes_by_day()
    (day,) = measured
    assert day == (timezone.now() - datetime.timedelta(days=3)).date()
    assert 20_000 < measured[day] < 24_000
    use = retention.RetentionRun.objects.get().use
    assert use["hot_bytes"] == measured[day]
    assert use["days"] == 38
    assert 0 < use["archived_bytes"] < 10_000
