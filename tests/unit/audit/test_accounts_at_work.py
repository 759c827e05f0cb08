"""On MariaDB with the real grants: each command does its work under the account that is there for it, and no other."""

import datetime
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone

from audit.erasure import NotSealed, erase
from audit.models import Erasure, Event, LegalHold, Seal, Segment, SubjectKey, Verification
from audit.record import Target
from audit.sealing import seal_pending
from audit.verifying import verify
from audit.watch import look_now
from observability.retained import RetentionRefused

from .accounts import acting_as, made
from .conftest import ALICE
from .trail import own_keys, retain

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = Target("accounts.user", "7", "alice@example.test")
OTHERS = {
    "seal": ("web", "worker", "retention"),
    "verify": ("web", "worker"),
    "retention": ("web", "worker", "audit"),
    "erase": ("web", "worker", "audit"),
    "hold": ("audit", "retention"),
}


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path, happen: Callable[..., Event]) -> Iterator[None]:
    """Sealing is a process of its own; two days that are old enough to go, and one event of today without a seal."""
    with made():
        own_keys(settings, tmp_path)
        settings.NPANEL_AUDIT_SEALER = "process"
        place = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "archive"},
        }
        settings.STORAGES = {**settings.STORAGES, "archive": place}
        for ago in (400, 40):
            happen(target=PERSON, reason=f"{ago} days ago")
            seal_pending(now=timezone.now() - datetime.timedelta(days=ago))
        happen(target=PERSON, reason="today")
        yield


def call(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def seal() -> None:
    with acting_as("audit"):
        call("audit_seal")


def test_the_sealer_seals_and_verifies() -> None:
    with acting_as("audit"):
        assert call("audit_seal") == "1 events sealed\n"
        assert call("audit_verify").startswith("sound: 3 events")
        assert call("audit_verify", "--incremental").startswith("sound: 3 events")  # what is recent, once more
        call("audit_doctor")
        look_now()
    assert set(Verification.objects.filter(ok=True).values_list("kind", flat=True)) == {"full", "incremental", "doctor"}


@pytest.mark.parametrize("role", OTHERS["seal"])
def test_nobody_else_seals(role: str) -> None:
    with acting_as(role), pytest.raises((CommandError, DatabaseError)):
        call("audit_seal")
    assert Seal.objects.count() == 2


@pytest.mark.parametrize("role", OTHERS["verify"])
def test_the_panel_itself_can_not_verify(role: str) -> None:
    with acting_as(role), pytest.raises(DatabaseError, match="denied"):
        call("audit_verify")


def test_retention_archives_removes_and_deletes() -> None:
    seal()
    with acting_as("retention"):
        assert [step.action for step in retain()] == ["archive", "archive", "remove", "remove"]
        assert [step.action for step in retain()] == ["delete"]
    assert list(Event.objects.filter(target_id="7").values_list("reason", flat=True)) == ["today"]
    assert Event.objects.filter(verb="audit.retain").count() == 2
    seal()
    assert verify().bad is None


def test_retention_reads_archived_days_and_the_panel_hot_ones() -> None:
    with acting_as("web"):
        assert len(call("audit_export", "--target", "accounts.user:7").splitlines()) == 3
    seal()
    with acting_as("retention"):
        retain()
        retain()  # what is archived late leaves the archive with the next run
        found = call("audit_export", "--target", "accounts.user:7").splitlines()
    assert [json.loads(line)["reason"] for line in found] == ["40 days ago", "today"]
    with acting_as("web"), pytest.raises(DatabaseError, match="denied"):
        call("audit_export", "--target", "accounts.user:7")


@pytest.mark.parametrize("role", OTHERS["retention"])
def test_nobody_else_archives_or_removes(role: str) -> None:
    seal()
    with acting_as(role), pytest.raises((RetentionRefused, DatabaseError)):
        retain()
    assert Segment.objects.count() == 0
    assert Seal.objects.count() == 3


def test_retention_erases_what_is_sealed() -> None:
    seal()
    with acting_as("retention"):
        call("erase_person", "user:7", "--reason", "asked for it", "--yes")
    assert set(Event.objects.filter(target_id="7").values_list("actor_login", "target_label")) == {("erased", "erased")}
    assert not SubjectKey.objects.exists()
    seal()
    assert verify().bad is None


def test_retention_waits_for_the_sealer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.erasure._PATIENCE_S", 1)
    with acting_as("retention"), pytest.raises(NotSealed):
        erase(actor=ALICE, subject="user:7", reason="asked for it")
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("role", OTHERS["erase"])
def test_nobody_else_erases(role: str) -> None:
    seal()
    with acting_as(role), pytest.raises((CommandError, DatabaseError)):
        call("erase_person", "user:7", "--reason", "mischief", "--yes")
    assert SubjectKey.objects.filter(pk="user:7").exists()
    assert verify().bad is None


@pytest.mark.parametrize("role", ["web", "worker"])
def test_the_panel_holds_and_releases(role: str) -> None:
    with acting_as(role):
        call("audit_hold", "--place", "--target", "accounts.user:7", "--reason", "Case 12")
        number = str(LegalHold.objects.get().pk)
        assert LegalHold.objects.filter(released_at=None).exists()
        call("audit_hold", "--release", number, "--reason", "done")
        with pytest.raises(DatabaseError):
            LegalHold.objects.all().delete()
        with pytest.raises(DatabaseError):
            LegalHold.objects.update(until=timezone.now())
    assert set(Event.objects.filter(verb__startswith="audit.").values_list("verb", flat=True)) == {
        "audit.hold", "audit.release",
    }  # fmt: skip


@pytest.mark.parametrize("role", OTHERS["hold"])
def test_who_deletes_can_not_lift_a_hold(role: str) -> None:
    call("audit_hold", "--place", "--target", "accounts.user:7", "--reason", "Case 12")
    number = str(LegalHold.objects.get().pk)
    with acting_as(role), pytest.raises(DatabaseError):
        call("audit_hold", "--release", number, "--reason", "mischief")
    seal()
    with acting_as("retention"):
        assert {step.action for step in retain()} == {"archive", "held"}
    assert Event.objects.filter(target_id="7").count() == 3
