"""Whoever changes, removes or restores anything below Django is found out, and the event is named."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from audit.checkpoints import exported
from audit.doctor import examine
from audit.models import Checkpoint, Event, Seal, Verification
from audit.sealing import SealerBusy, one_sealer, seal_pending
from audit.verifying import verify
from audit.watch import audit_health, examine_and_keep, gauges, look_now, seal_here
from observability.health.base import Status

from .trail import intruder, own_keys

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


@pytest.fixture
def sealed(happen: Callable[..., Event]) -> list[Event]:
    """Six sealed events in two checkpoints."""
    events = [happen(reason=f"number {number}", after={"n": number}) for number in range(3)]
    seal_pending()
    events += [happen(reason=f"number {number}") for number in range(3, 6)]
    seal_pending()
    return events


def bad() -> tuple[str, str]:
    """What is wrong, and the uid of the first bad event."""
    found = verify().bad
    return (found.what, found.uid) if found else ("", "")


def test_an_untouched_chain_is_sound(sealed: list[Event]) -> None:
    verdict = verify()
    assert (verdict.bad, verdict.events, verdict.size) == (None, 6, 6)
    assert [row.size for row in exported()] == list(Checkpoint.objects.values_list("size", flat=True)) == [3, 6]
    assert {sample.name: sample.value for sample in gauges()}["npanel_audit_verify_ok"] == 1.0


@pytest.mark.parametrize("column", ["reason", "after", "actor_login", "actor_ip", "verb", "outcome", "node", "version"])
def test_a_changed_byte_is_named(sealed: list[Event], column: str) -> None:
    with intruder() as cursor:
        quoted = connection.ops.quote_name(column)
        cursor.execute(f"UPDATE audit_event SET {quoted} = '\"x\"' WHERE id = %s", [sealed[1].pk])  # noqa: S608
    assert bad() == ("changed", sealed[1].uid.hex)


def test_a_letters_case_is_a_change(sealed: list[Event]) -> None:
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET actor_login = 'Alice' WHERE id = %s", [sealed[2].pk])
    assert bad() == ("changed", sealed[2].uid.hex)


def test_a_removed_event_is_named(sealed: list[Event], capsys: Any) -> None:
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [sealed[3].pk])
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (ended.value.code, answer["bad"]["what"], answer["bad"]["uid"]) == (2, "removed", sealed[3].uid.hex)
    assert {sample.name: sample.value for sample in gauges()}["npanel_audit_verify_ok"] == 0.0
    assert audit_health().status is Status.DOWN


def test_an_event_removed_with_its_seal_is_found(sealed: list[Event]) -> None:
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [sealed[3].pk])
        cursor.execute("DELETE FROM audit_seal WHERE seq = 4")
    assert bad()[0] == "removed"


def test_a_dropped_tail_is_found(sealed: list[Event]) -> None:
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [sealed[5].pk])
        cursor.execute("DELETE FROM audit_seal WHERE seq = 6")
    assert bad()[0] == "tail_dropped"


def test_an_old_dump_is_found_at_once_and_after_it_went_on(sealed: list[Event], happen: Callable[..., Event]) -> None:
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id >= %s", [sealed[3].pk])
        cursor.execute("DELETE FROM audit_seal WHERE seq > 3")
        cursor.execute("DELETE FROM audit_checkpoint WHERE size > 3")
    assert bad()[0] == "old_dump"
    for _ in range(5):
        happen()
    seal_pending()
    assert bad()[0] == "rewritten"


def test_a_chain_that_was_made_anew_is_found(sealed: list[Event]) -> None:
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET reason = 'forged' WHERE id = %s", [sealed[0].pk])
        cursor.execute("DELETE FROM audit_seal")
        cursor.execute("DELETE FROM audit_checkpoint")
    seal_pending()
    assert bad()[0] == "rewritten"


def test_a_forged_checkpoint_is_found(sealed: list[Event]) -> None:
    with intruder() as cursor:
        cursor.execute("UPDATE audit_checkpoint SET head_hash = %s WHERE size = 3", ["f" * 64])
    assert bad()[0] == "signature"


def test_a_changed_line_of_the_second_store_is_found(sealed: list[Event], tmp_path: Path) -> None:
    file = tmp_path / "store" / "checkpoints.jsonl"
    file.write_text(file.read_text().replace('"size": 3', '"size": 2'))
    assert bad()[0] == "signature"


def test_an_event_put_in_later_is_found(sealed: list[Event], happen: Callable[..., Event], settings: Any) -> None:
    late = happen()
    assert bad()[0] == ""
    settings.NPANEL_AUDIT_UNSEALED_SECONDS = -1
    assert bad() == ("unsealed", late.uid.hex)
    assert audit_health().status is Status.DOWN


@pytest.mark.parametrize(
    "table", ["audit_event", "audit_seal", "audit_checkpoint", "audit_segment", "audit_erasure", "audit_erasureproof"]
)
def test_a_dropped_trigger_is_found(sealed: list[Event], table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {table}_no_delete")
    assert [finding.code for finding in examine() if finding.is_error] == ["audit.W002"]
    assert not examine_and_keep()
    assert {sample.name: sample.value for sample in gauges()}["npanel_audit_verify_ok"] == 0.0


@pytest.mark.parametrize("table", ["audit_seal", "audit_checkpoint"])
@pytest.mark.parametrize("statement", ["DELETE FROM {table}", "UPDATE {table} SET {column} = ''"])
def test_seals_and_checkpoints_are_append_only(sealed: list[Event], table: str, statement: str) -> None:
    from django.db import DatabaseError

    column = "hash" if table == "audit_seal" else "head_hash"
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement.format(table=table, column=column))
    assert bad()[0] == ""


def test_incremental_sees_only_what_is_new_but_not_a_cut(
    sealed: list[Event], happen: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.verifying.RECENT", 0)
    assert verify().bad is None
    fresh = happen()
    seal_pending()
    verdict = verify(incremental=True)
    assert (verdict.bad, verdict.events) == (None, 1)
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [fresh.pk])
        cursor.execute("DELETE FROM audit_seal WHERE seq = 7")
    found = verify(incremental=True).bad
    assert found is not None
    assert found.what == "tail_dropped"


@pytest.mark.parametrize("back", [10_000, 2])
def test_incremental_looks_again_at_what_was_proven_lately(
    sealed: list[Event], monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    monkeypatch.setattr("audit.verifying.RECENT", back)
    assert verify().bad is None
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET reason = 'nothing' WHERE id = %s", [sealed[4].pk])
    found = verify(incremental=True).bad
    assert found is not None
    assert (found.what, found.uid) == ("changed", sealed[4].uid.hex)
    assert {sample.name: sample.value for sample in gauges()}["npanel_audit_verify_ok"] == 0.0


def test_a_recent_part_that_was_made_anew_does_not_arrive_where_it_should(
    sealed: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.verifying.RECENT", 2)
    assert verify().bad is None
    with intruder() as cursor:
        cursor.execute("UPDATE audit_seal SET hash = %s WHERE seq = 4", ["f" * 64])
        cursor.execute("UPDATE audit_seal SET previous_hash = %s WHERE seq = 5", ["f" * 64])
    found = verify(incremental=True).bad
    assert found is not None
    assert found.seq == 5


def test_the_same_finding_is_kept_once_and_a_proof_or_a_new_finding_at_once(sealed: list[Event]) -> None:
    for _ in range(3):
        verify(incremental=True)
        examine_and_keep()
    assert list(Verification.objects.order_by("id").values_list("kind", "ok")) == [
        ("incremental", True),
        ("doctor", True),
    ]
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET reason = 'x' WHERE id = %s", [sealed[1].pk])
    verify(incremental=True)
    verify(incremental=True)
    assert Verification.objects.filter(ok=False).count() == 1
    verify()
    verify()
    assert Verification.objects.filter(ok=False).count() == 3


def test_a_process_looks_once_a_minute(sealed: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    look_now()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_delete")
    look_now()
    assert {sample.name: sample.value for sample in gauges()}["npanel_audit_verify_ok"] == 1.0
    monkeypatch.setattr("audit.watch.EVERY_S", 0.0)
    look_now()
    assert {sample.name: sample.value for sample in gauges()}["npanel_audit_verify_ok"] == 0.0


def test_a_record_that_can_not_be_asked_is_not_a_broken_one(db: None) -> None:
    def away(*args: Any) -> None:
        raise OperationalError("gone away")

    with connection.execute_wrapper(away):
        assert audit_health().status is Status.DEGRADED


def test_a_transaction_that_commits_late_is_sealed(sealed: list[Event], happen: Callable[..., Event]) -> None:
    late, early = happen(), happen()
    stolen = Event.objects.filter(pk=late.pk).values().get()
    with intruder() as cursor:  # it is not committed yet: nobody sees it
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [late.pk])
    assert seal_pending(whole=False) == 1
    Event.objects.bulk_create([Event(**stolen)])
    assert seal_pending(whole=False) == 1
    assert list(Seal.objects.order_by("seq").values_list("event_id", flat=True))[-2:] == [early.pk, late.pk]
    assert bad()[0] == ""


def test_two_sealers_do_not_meet(sealed: list[Event], happen: Callable[..., Event]) -> None:
    if connection.vendor == "mysql":
        pytest.skip("the lock is the connection's there; test_accounts.py takes it from another")
    happen()
    with one_sealer(), pytest.raises(SealerBusy):
        seal_pending()
    assert seal_pending() == 1


def test_a_whole_pass_that_another_sealer_kept_from_us_is_still_due(
    sealed: list[Event], happen: Callable[..., Event], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    if connection.vendor == "mysql":
        pytest.skip("the lock is the connection's there; test_accounts.py takes it from another")
    settings.NPANEL_AUDIT_SEALER = "worker"
    monkeypatch.setattr("audit.look_back.MOST", 0)
    late = happen()
    stolen = Event.objects.filter(pk=late.pk).values().get()
    with intruder() as cursor:  # it is not committed yet: nobody sees it
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [late.pk])
    happen()
    assert seal_pending() == 1
    Event.objects.bulk_create([Event(**stolen)])
    with one_sealer():
        seal_here()
    seal_here()
    assert Seal.objects.filter(event_id=late.pk).exists()


def test_a_crash_between_seal_and_checkpoint_is_made_good(sealed: list[Event], tmp_path: Path) -> None:
    (tmp_path / "store" / "checkpoints.jsonl").unlink()
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_checkpoint WHERE size = 6")
    assert seal_pending() == 0
    assert [row.size for row in exported()] == [3, 6]
    assert bad()[0] == ""


def test_the_key_is_private(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
