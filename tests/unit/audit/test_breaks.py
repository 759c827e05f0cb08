"""A break that was looked into is passed over, exactly as it was signed for; nothing else is."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.actor import Actor
from audit.breaks import BreakRefused, acknowledge
from audit.models import Event
from audit.sealing import seal_pending
from audit.verifying import Bad, verify
from audit.watch import audit_health
from observability.health.base import Status

from .trail import intruder, own_keys

pytestmark = pytest.mark.django_db(transaction=True)
ONCALL = Actor.system("oncall")


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


@pytest.fixture
def broken(happen: Callable[..., Event]) -> Event:
    """Of five sealed events the second was changed, and the verifier says so."""
    events = [happen(reason=f"number {number}") for number in range(5)]
    seal_pending()
    _change(events[1], "something else")
    return events[1]


def _change(event: Event, reason: str) -> None:
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET reason = %s WHERE id = %s", [reason, event.pk])


def _found() -> Bad:
    bad = verify().bad
    assert bad is not None
    return bad


def test_an_acknowledged_break_is_passed_over_and_counted(broken: Event) -> None:
    acknowledge(actor=ONCALL, bad=_found(), reason="case 12")
    seal_pending()
    verdict = verify()
    assert (verdict.bad, verdict.known, verdict.events) == (None, 1, 6)
    assert audit_health().status is Status.UP
    event = Event.objects.get(verb="audit.acknowledge")
    assert (event.reason, event.target_id, event.after["seq"]) == ("case 12", broken.uid.hex, 2)


def test_a_further_change_of_it_is_a_break(broken: Event) -> None:
    acknowledge(actor=ONCALL, bad=_found(), reason="case 12")
    _change(broken, "once more")
    assert _found().uid == broken.uid.hex


def test_the_next_break_is_found_behind_it(broken: Event) -> None:
    acknowledge(actor=ONCALL, bad=_found(), reason="case 12")
    last = Event.objects.filter(verb="audit_test.happened").latest("pk")
    with intruder() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [last.pk])
    assert (_found().what, _found().uid) == ("removed", last.uid.hex)
    acknowledge(actor=ONCALL, bad=_found(), reason="case 13")
    assert (verify().bad, verify().known) == (None, 2)


def test_who_can_only_write_rows_can_not_excuse_a_break(broken: Event, happen: Callable[..., Event]) -> None:
    bad = _found()
    said = {"seq": bad.seq, "what": bad.what, "event": bad.uid, "state": bad.state, "by": "a1", "signed": "AAAA"}
    happen(verb="audit.acknowledge", after=said)
    assert _found().uid == broken.uid.hex


@pytest.mark.parametrize("what", ["tail_dropped", "rewritten", "seal_changed", "old_dump", "unsealed"])
def test_a_broken_chain_can_not_be_acknowledged(db: None, what: str) -> None:
    with pytest.raises(BreakRefused):
        acknowledge(actor=ONCALL, bad=Bad(what, "…", 3, "00", state="f"), reason="never mind")


def test_the_command_names_the_break_and_proves_the_rest(broken: Event) -> None:
    with pytest.raises(CommandError, match="another one"):
        call_command("audit_acknowledge", "0" * 32, "--reason", "case 12")
    with pytest.raises(CommandError, match="found out"):
        call_command("audit_acknowledge", broken.uid.hex, "--reason", " ")
    out = io.StringIO()
    call_command("audit_acknowledge", str(broken.uid), "--reason", "case 12", stdout=out)
    assert "sound" in out.getvalue()
    with pytest.raises(CommandError, match="no break"):
        call_command("audit_acknowledge", broken.uid.hex, "--reason", "case 12")
