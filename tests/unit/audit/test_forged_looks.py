"""Who may add results and erasures, but holds no key, can say neither "all is well" nor "this was erased"."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone

from audit.actor import Actor
from audit.choices import ActorType, Outcome
from audit.erasure import erase
from audit.keys import add_audit_key
from audit.looks import keep
from audit.models import Erasure, ErasureProof, Event, Seal, SubjectKey, Verification
from audit.record import Target, record
from audit.sealing import seal_pending
from audit.verbs import AUDIT_ERASED
from audit.verifying import verify
from audit.watch import audit_health, examine_and_keep, gauges, look_now
from observability.archive import ArchiveStore
from observability.health.base import Status

from .trail import intruder, own_keys, retain

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = Target("accounts.user", "7", "alice@example.test")
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


@pytest.fixture
def sealed(happen: Callable[..., Event]) -> list[Event]:
    """Three sealed events about a person."""
    events = [happen(target=PERSON, reason=f"number {number}") for number in range(3)]
    seal_pending()
    return events


def claim(**fields: Any) -> None:
    """What whoever has the worker's account adds: an unsigned result that all is well up to the end."""
    last = Seal.objects.latest("seq")
    usual = {"kind": "incremental", "ok": True, "size": last.seq, "head_hash": last.hash}
    Verification.objects.create(**{**usual, **fields})


def tamper(event: Event) -> None:
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET verb = 'forged.verb' WHERE id = %s", [event.pk])


def what(**options: Any) -> str:
    found = verify(**options).bad
    return found.what if found else ""


def is_well() -> float | None:
    """The metric."""
    return {sample.name: sample.value for sample in gauges()}.get("npanel_audit_verify_ok")


@pytest.mark.parametrize("signature", ["", "bm90IGEgc2lnbmF0dXJl", "not base64"])
@pytest.mark.parametrize("kind", ["incremental", "full"])
def test_a_claim_does_not_have_the_walk_pass_over(sealed: list[Event], kind: str, signature: str) -> None:
    tamper(sealed[1])
    claim(kind=kind, key_id="a1", signature=signature)
    assert what(incremental=True) == "changed"


def test_a_signature_is_of_one_result(sealed: list[Event], happen: Callable[..., Event]) -> None:
    assert verify().bad is None
    signed = Verification.objects.get()
    fresh = happen()
    seal_pending()
    tamper(fresh)
    claim(at=signed.at + HOUR, kind=signed.kind, key_id=signed.key_id, signature=signed.signature)
    assert what(incremental=True) == "changed"


def test_a_key_that_is_not_ours_signs_nothing(sealed: list[Event], settings: Any, tmp_path: Path) -> None:
    ours = settings.NPANEL_AUDIT_PUBLIC_KEYS
    settings.NPANEL_AUDIT_PRIVATE_KEYS, settings.NPANEL_AUDIT_PUBLIC_KEYS = tmp_path / "b.key", tmp_path / "b.pub"
    add_audit_key()
    last = Seal.objects.latest("seq")
    keep("default", kind="full", ok=True, size=last.seq, head_hash=last.hash)
    settings.NPANEL_AUDIT_PUBLIC_KEYS = ours
    tamper(sealed[1])
    assert what(incremental=True) == "changed"


@pytest.mark.parametrize("kind", ["incremental", "full", "doctor"])
def test_a_claim_that_all_is_well_is_an_alarm(sealed: list[Event], kind: str) -> None:
    verify()
    examine_and_keep()
    assert is_well() == 1.0
    claim(kind=kind)
    assert is_well() == 0.0
    assert audit_health().status is Status.DOWN


def test_a_copy_of_a_good_result_hides_no_bad_one(sealed: list[Event]) -> None:
    verify()
    good = Verification.objects.values().get()
    tamper(sealed[1])
    assert verify().bad is not None
    Verification.objects.create(**{**good, "id": None})
    assert is_well() == 0.0


def test_a_claim_does_not_put_off_the_hourly_look(sealed: list[Event], settings: Any) -> None:
    tamper(sealed[1])
    claim(kind="doctor")
    look_now()
    assert Verification.objects.filter(kind="incremental", ok=False).exists()


def test_whoever_can_not_sign_keeps_no_good_result(sealed: list[Event], tmp_path: Path, settings: Any) -> None:
    settings.NPANEL_AUDIT_PRIVATE_KEYS = tmp_path / "nothing"
    assert verify().bad is None
    assert not Verification.objects.exists()
    tamper(sealed[1])
    assert verify().bad is not None
    assert is_well() == 0.0


def blank(events: list[Event]) -> None:
    """What whoever has retention's account can do, triggers in place: forge an erasure and blank all that it names."""
    Erasure.objects.create(subject="user:7")
    quote = connection.ops.quote_name
    words = ("actor_login", "actor_ip", "session_digest", "target_label", "reason")
    sets = ", ".join([*(f"{name} = 'erased'" for name in words), *(f"{quote(n)} = NULL" for n in ("before", "after"))])
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {sets} WHERE actor_id = '7'")  # noqa: S608 - constants
    SubjectKey.objects.filter(pk="user:7").delete()


def test_a_forged_erasure_hides_nothing(sealed: list[Event]) -> None:
    blank(sealed)
    assert what() == "changed"


def test_a_forged_proof_hides_nothing(sealed: list[Event]) -> None:
    blank(sealed)
    ErasureProof.objects.create(seq=1_000, subject="user:7", key_id="a1", signature="bm90IGEgc2lnbmF0dXJl")
    assert what() == "changed"


def test_another_ones_proof_hides_nothing(sealed: list[Event]) -> None:
    erase(actor=Actor.system("test"), subject="user:8", reason="asked for it")
    seal_pending()
    proof = ErasureProof.objects.get()
    blank(sealed)
    ErasureProof.objects.create(seq=99, subject="user:7", key_id=proof.key_id, signature=proof.signature)
    assert what() == "changed"


def test_an_erasure_that_is_on_record_is_believed_before_and_after_its_seal(sealed: list[Event]) -> None:
    erase(actor=Actor.system("test"), subject="user:7", reason="asked for it")
    assert what() == ""
    seal_pending()
    assert what() == ""
    assert ErasureProof.objects.get().subject == "user:7"


def test_a_proof_is_only_of_what_was_before_it(sealed: list[Event], happen: Callable[..., Event]) -> None:
    erase(actor=Actor.system("test"), subject="user:7", reason="asked for it")
    seal_pending()
    late = happen(reason="acted again")
    seal_pending()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET actor_login = 'erased', actor_ip = 'erased', session_digest = 'erased'"
            " WHERE id = %s", [late.pk],
        )  # fmt: skip
    SubjectKey.objects.filter(pk="user:7").delete()
    found = verify().bad
    assert found is not None
    assert (found.what, found.uid) == ("changed", late.uid.hex)


def test_an_event_alone_erases_nothing(sealed: list[Event]) -> None:
    record(
        verb=AUDIT_ERASED, actor=Actor.system("web"), target=Target("audit.subject", "user:7"),
        outcome=Outcome.SUCCEEDED,
    )  # fmt: skip
    seal_pending()
    assert not ErasureProof.objects.exists()


def test_an_erasure_stays_proven_when_its_event_is_archived(happen: Callable[..., Event], tmp_path: Path) -> None:
    store = ArchiveStore(FileSystemStorage(tmp_path / "archive"), recipients=())
    now = timezone.now()
    happen(target=PERSON)
    seal_pending(now=now - 41 * 24 * HOUR)
    record(verb=AUDIT_ERASED, actor=Actor.system("x"), target=Target("x", "y"), outcome=Outcome.SUCCEEDED)
    seal_pending(now=now - 40 * 24 * HOUR)
    erase(actor=Actor.system("test"), subject="user:7", reason="asked for it")
    happen(actor=Actor.system("somebody"))
    seal_pending(now=now - 40 * 24 * HOUR)
    happen(actor=Actor.system("somebody"))
    seal_pending()
    retain(store=store)
    assert not Event.objects.filter(target_id="user:7").exists()
    assert what(store=store) == ""
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_erasureproof")
    assert what(store=store) == "manifest"


def test_what_a_persons_tokens_did_goes_with_the_person(sealed: list[Event], happen: Callable[..., Event]) -> None:
    by_token = Actor(
        type=ActorType.TOKEN, id="7", login="alice@example.test", interface="api", ip="192.0.2.7",
        session_digest="npt_abcdef",
    )  # fmt: skip
    mine = happen(actor=by_token)
    others = happen(actor=Actor(type=ActorType.TOKEN, id="77", login="bob@example.test"))
    seal_pending()
    erase(actor=Actor.system("test"), subject="user:7", reason="asked for it")
    seal_pending()
    shown = Event.objects.values_list("actor_login", "actor_ip", "session_digest").get(pk=mine.pk)
    assert shown == ("erased", "erased", "erased")
    assert Event.objects.get(pk=others.pk).actor_login == "bob@example.test"
    assert not SubjectKey.objects.filter(pk__in=("user:7", "token:7")).exists()
    assert SubjectKey.objects.filter(pk="token:77").exists()
    assert what() == ""
