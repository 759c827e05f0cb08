"""The contract of a health check: what it returns, and the decorator that registers it."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Status(enum.StrEnum):
    """The three answers of a check, from best to worst."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"

    @property
    def severity(self) -> int:
        """0 up, 1 degraded, 2 down: also the exit code of ``manage.py health``."""
        return (Status.UP, Status.DEGRADED, Status.DOWN).index(self)

    @property
    def gauge(self) -> float:
        """The value of ``npanel_health_status``."""
        return 1 - self.severity / 2


@dataclass(frozen=True, slots=True)
class Result:
    """What one check says: a status, one sentence, figures, and what to do about it."""

    status: Status
    summary: str
    details: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""

    @classmethod
    def up(cls, summary: str, **details: Any) -> "Result":
        """All is well."""
        return cls(Status.UP, summary, details)

    @classmethod
    def degraded(cls, summary: str, *, advice: str, **details: Any) -> "Result":
        """It works, but an operator should look."""
        return cls(Status.DEGRADED, summary, details, advice)

    @classmethod
    def down(cls, summary: str, *, advice: str, **details: Any) -> "Result":
        """It does not work."""
        return cls(Status.DOWN, summary, details, advice)

    @classmethod
    def by_ratio(
        cls, ratio: float, what: str, *, degraded: float, down: float, advice: str, **details: Any
    ) -> "Result":
        """Judge a used part (0 to 1) by two thresholds, each inclusive."""
        status = Status.DOWN if ratio >= down else Status.DEGRADED if ratio >= degraded else Status.UP
        summary = f"{what} {ratio:.0%} used"
        return cls(status, summary, details, "" if status is Status.UP else advice)


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check; ``kinds`` names the targets it runs once for each of, and is empty for local ones."""

    name: str
    function: Callable[..., Result]
    timeout: float
    slow: float | None
    kinds: tuple[str, ...]
    title: Any = ""
    means: Any = ""
    runbook: str = ""


_checks: dict[str, Check] = {}


def health_check(
    name: str,
    *,
    timeout: float = 5.0,
    slow: float | None = None,
    per_target: str | tuple[str, ...] | None = None,
    title: Any = "",
    means: Any = "",
    runbook: str = "",
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function as the check ``name``.

    Args:
        name: the label ``check`` of the metrics and the word on the command line.
        timeout: seconds after which the check counts as down (it runs in a thread of its own).
        slow: seconds from which an answer counts as degraded; None never does.
        per_target: kind(s) of targets (see :mod:`observability.health.targets`) that the function is called
            with, one at a time; None calls it once, without an argument.
        title: what people call it. means: what stops working, or becomes slow, when it is not up.
        runbook: the page of docs/runbook/ that says what to do, without ``.md``.

    Raises:
        ValueError: another function already has this name.
    """
    kinds = (per_target,) if isinstance(per_target, str) else per_target or ()

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        known = _checks.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise ValueError(f"Two health checks are called {name!r}.")
        _checks[name] = Check(name, function, timeout, slow, kinds, title or name, means, runbook)
        return function

    return register


def registered_checks() -> dict[str, Check]:
    """All checks by name, in the order of their names."""
    return dict(sorted(_checks.items()))
