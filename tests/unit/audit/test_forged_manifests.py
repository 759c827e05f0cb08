"""A manifest that nobody's archive stands behind does not hide a removal."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone

from audit.manifests import manifest_hash
from audit.models import Event, Seal, Segment, Verification
from audit.sealing import seal_pending
from audit.verifying import verify
from observability.archive import ArchiveStore

from .trail import intruder, own_keys, retain

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()
OLD = datetime.date(2020, 1, 1)


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


def forge(seq: int, day: datetime.date, archive: str = "audit/none", sha256: str = "0" * 64) -> None:
    """What whoever may INSERT segments (the retention account) writes to remove one event, triggers in place."""
    seal, before = Seal.objects.get(pk=seq), Segment.objects.order_by("-last_seq").first()
    made = Segment(
        day=day, first_seq=seq, last_seq=seq, count=1, first_previous_hash=seal.previous_hash, last_hash=seal.hash,
        archive=archive, sha256=sha256, previous_manifest=before.manifest if before else "",
    )  # fmt: skip
    made.manifest = manifest_hash(made)
    made.save()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [seal.event_id])
        cursor.execute("DELETE FROM audit_seal WHERE seq = %s", [seq])


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(FileSystemStorage(tmp_path / "archive"), recipients=())


@pytest.fixture
def archived(happen: Callable[..., Event], store: ArchiveStore) -> None:
    """Two days that were archived and left the database, and two events of today."""
    for ago in (41, 40, 0):
        happen()
        seal_pending(now=NOW - datetime.timedelta(days=ago))
    retain(store=store)
    seal_pending()


def what(store: ArchiveStore) -> str:
    """What is wrong, or ""."""
    found = verify(store=store).bad
    return found.what if found else ""


@pytest.mark.parametrize("seq", [1, 3, 4])
def test_a_manifest_without_archive_hides_nothing(happen: Callable[..., Event], store: ArchiveStore, seq: int) -> None:
    for _ in range(4):
        happen()
    seal_pending()
    forge(seq, OLD)
    assert Event.objects.count() == 3
    assert what(store) == "manifest"


def test_a_manifest_that_goes_on_from_true_ones_hides_nothing(archived: None, store: ArchiveStore) -> None:
    assert what(store) == ""
    forge(3, OLD)
    assert what(store) == "manifest"


def test_an_archive_that_says_it_was_deleted_hides_nothing_younger(archived: None, store: ArchiveStore) -> None:
    made = store.write("audit/forged", ["nothing"], kind="audit", first="2020-01-01", last="2020-01-01", facts={})
    store.delete("audit/forged", keep_manifest=True)
    forge(3, OLD, "audit/forged", made.sha256)
    assert what(store) == "manifest"


@pytest.mark.parametrize("harm", ["remove", "change", "delete"])
def test_harm_to_an_archive_is_found(archived: None, store: ArchiveStore, tmp_path: Path, harm: str) -> None:
    file = next((tmp_path / "archive").rglob("*.gz"))
    if harm == "remove":
        file.unlink()
    elif harm == "change":
        file.write_bytes(file.read_bytes()[:-9] + bytes(9))
    else:
        store.delete(Segment.objects.earliest("day").archive, keep_manifest=True)
    assert what(store) == "manifest"


def test_a_manifest_that_was_changed_is_found(archived: None, store: ArchiveStore) -> None:
    with intruder() as cursor:
        cursor.execute("UPDATE audit_segment SET count = 7 WHERE first_seq = 1")
    assert what(store) == "manifest"


def test_the_full_walk_believes_no_earlier_result(happen: Callable[..., Event], store: ArchiveStore) -> None:
    event = happen()
    seal_pending()
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET reason = 'x' WHERE id = %s", [event.pk])
    Verification.objects.create(kind="full", ok=True, size=1, head_hash=Seal.objects.get(pk=1).hash)
    assert what(store) == "changed"
