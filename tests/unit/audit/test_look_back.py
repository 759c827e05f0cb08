"""A pass looks no further back than transactions may still be open, and never misses one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit import look_back, sealing, watch
from audit.look_back import MOST, LookBack
from audit.models import Event, Seal
from audit.sealing import seal_pending

from .trail import intruder, own_keys


@pytest.fixture
def settled_at_once(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[None]:
    """What a pass saw is settled for the next one."""
    own_keys(settings, tmp_path)
    monkeypatch.setattr(look_back, "SETTLED_S", -1.0)
    monkeypatch.setattr(sealing, "_passes", LookBack())
    monkeypatch.setattr(watch, "_looks", LookBack())
    yield


def test_it_looks_back_ten_minutes() -> None:
    looks = LookBack()
    assert looks.floor(20, now=0.0) == 0
    looks.saw(20, now=0.0)
    looks.saw(90, now=300.0)
    assert looks.floor(90, now=599.0) == 0
    assert looks.floor(95, now=601.0) == 20
    assert looks.floor(95, now=1_000.0) == 90


def test_it_never_looks_back_further_than_so_many_ids() -> None:
    assert LookBack().floor(MOST + 7, now=0.0) == 7


def test_another_database_is_looked_at_anew() -> None:
    looks = LookBack()
    looks.saw(900, now=0.0)
    assert looks.floor(900, now=700.0) == 900
    assert looks.floor(3, now=701.0) == 0


@pytest.mark.django_db(transaction=True)
def test_passes_seal_all_that_comes(settled_at_once: None, happen: Callable[..., Event]) -> None:
    for _ in range(4):
        happen()
        assert seal_pending(whole=False) == 1
        assert watch.unsealed_age() == 0.0
    happen()
    assert watch.unsealed_age() > 0.0
    assert seal_pending(whole=False) == 1


@pytest.mark.django_db(transaction=True)
def test_the_whole_pass_finds_what_came_too_late(settled_at_once: None, happen: Callable[..., Event]) -> None:
    late, _early = happen(), happen()
    stolen = Event.objects.filter(pk=late.pk).values().get()
    with intruder() as cursor:  # a transaction that stays open for longer than anybody waits
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [late.pk])
    assert seal_pending(whole=False) == 1
    Event.objects.bulk_create([Event(**stolen)])
    assert seal_pending(whole=False) == 0
    assert seal_pending(whole=True) == 1
    assert Seal.objects.count() == 2
