"""The check of secondaries against real name servers on loopback: level, behind, without a zone, silent, alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import REGISTRY

from observability.health import secondaries
from observability.health.base import Result
from observability.health.secondaries import check_secondaries, is_older
from observability.health.targets import Target
from tests.unit.portal.name_server import name_server

ZONES = ("a.test", "b.test")


@contextmanager
def servers(ours: dict[str, int], theirs: dict[str, int], silent: str = "") -> Iterator[Target]:
    """A primary and a secondary with zones of these serials."""
    with _server(ours, silent == "primary") as primary, _server(theirs, silent == "secondary") as secondary:
        extra = {"primary": "127.0.0.1", "primary_port": primary, "zones": ZONES}
        yield Target("web1/ns2.example.net", "127.0.0.1", secondary, extra)


@contextmanager
def _server(serials: dict[str, int], silent: bool) -> Iterator[int]:
    soa = {(zone, "SOA"): [f"ns1.x. h.x. {serial} 60 30 600 60"] for zone, serial in serials.items()}
    with name_server(soa, silent=silent) as server:
        yield int(server.setting[0].partition("#")[2])


def judged(ours: dict[str, int], theirs: dict[str, int], silent: str = "") -> tuple[Result, float]:
    with servers(ours, theirs, silent) as target:
        result = check_secondaries(target)
    count = REGISTRY.get_sample_value("npanel_dns_secondary_zones_behind", {"node": target.name})
    assert count is not None
    return result, count


def test_it_compares_serials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secondaries, "PATIENCE_S", 0.3)
    level, count = judged({"a.test": 7, "b.test": 9}, {"a.test": 7, "b.test": 9})
    assert (level.status, count) == ("up", 0)
    old, count = judged({"a.test": 7, "b.test": 9}, {"a.test": 7, "b.test": 8})
    assert (old.status, count) == ("degraded", 1) and "b.test" in old.summary
    missing, count = judged({"a.test": 7, "b.test": 9}, {"b.test": 9})
    assert (missing.status, count) == ("degraded", 1) and "a.test" in missing.summary
    newer, count = judged({"a.test": 7, "b.test": 9}, {"a.test": 8, "b.test": 9})
    assert (newer.status, count) == ("up", 0), "asked between two answers"


def test_silence_of_the_one_and_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secondaries, "PATIENCE_S", 0.3)
    down, count = judged({"a.test": 7, "b.test": 9}, {}, silent="secondary")
    assert (down.status, count) == ("down", 2)
    alone, count = judged({}, {"a.test": 7, "b.test": 9}, silent="primary")
    assert (alone.status, count) == ("up", 0), "it does what it is there for"


def test_serials_go_round() -> None:
    assert is_older(1, 2) and not is_older(2, 1) and not is_older(2, 2)
    assert is_older(2**32 - 1, 0) and not is_older(0, 2**32 - 1)
