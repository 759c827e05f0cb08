"""Failpoints do nothing unless a drill arms them, and then exactly what it says."""

import os
import signal

import pytest

from hosting import failpoints
from hosting.errors import HostingError

NAME = "agent.before_rename"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_hits", {})


def arm(monkeypatch: pytest.MonkeyPatch, order: str, armed: str = "1") -> None:
    monkeypatch.setenv("NPANEL_FAILPOINTS", armed)
    monkeypatch.setenv("NPANEL_FAILPOINT", order)


def test_unarmed_they_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    failpoints.failpoint(NAME)
    assert failpoints.agent_failpoint() == ""
    for armed in ("", "0", "yes"):
        arm(monkeypatch, f"{NAME}=kill", armed)
        failpoints.failpoint(NAME)
        assert failpoints.agent_failpoint() == ""


def test_an_unregistered_name_is_refused_even_unarmed() -> None:
    with pytest.raises(HostingError) as caught:
        failpoints.failpoint("no.such.place")
    assert caught.value.code == "failpoint_unknown"


@pytest.mark.parametrize("order", ["no.such=kill", NAME, f"{NAME}=explode", f"{NAME}=kill@0", f"{NAME}=sleep", "="])
def test_a_malformed_order_is_refused(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    arm(monkeypatch, order)
    with pytest.raises(HostingError, match="NPANEL_FAILPOINT"):
        failpoints.failpoint(NAME)


def test_it_strikes_once_at_the_hit_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, f"{NAME}=raise@3")
    failpoints.failpoint(NAME)
    failpoints.failpoint("agent.after_rename")
    failpoints.failpoint(NAME)
    with pytest.raises(HostingError) as caught:
        failpoints.failpoint(NAME)
    assert caught.value.code == "failpoint"
    failpoints.failpoint(NAME)


def test_sleeping_goes_on_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, f"{NAME}=sleep:0.01")
    failpoints.failpoint(NAME)


def test_killing_is_sigkill(monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, f"{NAME}=kill")
    child = os.fork()
    if child == 0:
        failpoints.failpoint(NAME)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_the_agents_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, f"{NAME}=kill@2")
    assert [failpoints.agent_failpoint() for _ in range(3)] == ["", NAME, ""]


def test_every_name_is_registered_once() -> None:
    names = [name for name, _ in failpoints.FAILPOINTS]
    assert len(names) == len(set(names))
    assert failpoints.names() == frozenset(names)
