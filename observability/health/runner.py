"""Runs health checks side by side, each in its own thread with a time limit, and reports, counts and logs them."""

import importlib
import pkgutil
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from observability import context, exemplars, health, metrics
from observability.health.base import Check, Result, Status, registered_checks
from observability.health.targets import Target, targets_of
from observability.logging import get_logger
from observability.operations import HEALTH_CHECK
from observability.redaction import redact, redact_text

_PARALLEL = 32
_NODE_KINDS = frozenset({"node", "ready_node"})
_LOG_LEVELS = {Status.UP: "debug", Status.DEGRADED: "warning", Status.DOWN: "error"}
_unfinished: dict[tuple[str, str], threading.Thread] = {}


class UnknownCheck(LookupError):
    """A check or a node was asked for that does not exist."""


@dataclass(frozen=True, slots=True)
class Report:
    """One check of one target: its result and how long it took, in seconds."""

    check: str
    node: str
    result: Result
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, without secrets."""
        return {
            "check": self.check,
            "node": self.node,
            "status": str(self.result.status),
            "summary": redact_text(self.result.summary),
            "advice": self.result.advice,
            "duration_ms": round(self.seconds * 1000, 1),
            "details": redact(dict(self.result.details)),
        }


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All reports of one run; the worst of them is the status of the whole."""

    reports: list[Report] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """The worst status, or up when there was nothing to check."""
        return max((report.result.status for report in self.reports), key=lambda s: s.severity, default=Status.UP)

    @property
    def exit_code(self) -> int:
        """0 up, 1 degraded, 2 down."""
        return self.status.severity

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of /health and ``manage.py health --json``."""
        return {"status": str(self.status), "checks": [report.as_dict() for report in self.reports]}


def discover() -> dict[str, Check]:
    """Import every file of this package, so that a new check needs nothing but its file."""
    for module in pkgutil.iter_modules(health.__path__):
        importlib.import_module(f"{health.__name__}.{module.name}")
    return registered_checks()


def local_checks() -> list[str]:
    """Names of the checks that any process of the panel can run: those that open no connection to a node."""
    return [name for name, check in discover().items() if not _NODE_KINDS & set(check.kinds)]


def run_checks(names: Iterable[str] = (), node: str = "") -> HealthReport:
    """Run the named checks (default: all), or only those of one node.

    Args:
        names: names of checks.
        node: the name of a target; checks without targets are then left out.

    Raises:
        UnknownCheck: there is no check, or no target, of that name.
    """
    jobs: list[tuple[Check, Target | None]] = []
    reports: list[Report] = []
    for check in _chosen(names):
        if check.kinds:
            found, broken = _targets(check)
            jobs += [(check, target) for target in found if node in ("", target.name)]
            reports += broken
        elif not node:
            jobs.append((check, None))
    if node and not jobs and not reports:
        raise UnknownCheck(f"No check knows a node called {node!r}.")
    return HealthReport(reports + _run_all(jobs))


def _chosen(names: Iterable[str]) -> list[Check]:
    known = discover()
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise UnknownCheck(f"There is no check called {name!r}; there are: {', '.join(known)}.")
    return [check for name, check in known.items() if not wanted or name in wanted]


def _targets(check: Check) -> tuple[list[Target], list[Report]]:
    try:
        return targets_of(check.kinds), []
    except Exception as error:  # noqa: BLE001 - whatever the provider raises, the answer is that we can't look
        advice = "Look at the database check first: the list of targets comes from there."
        result = Result.down(f"cannot list what to check: {error}", advice=advice, error=type(error).__name__)
        # No gauge: it would say of a node without a name, long after the database is back, that it is down.
        return [], [_log(Report(check.name, "", result, 0.0))]


def _run_all(jobs: list[tuple[Check, Target | None]]) -> list[Report]:
    if not jobs:
        return []
    ids = context.snapshot()
    with ThreadPoolExecutor(max_workers=min(_PARALLEL, len(jobs))) as pool:
        return list(pool.map(lambda job: _run_one(job[0], job[1], ids), jobs))


def _run_one(check: Check, target: Target | None, ids: dict[str, str]) -> Report:
    node = target.name if target else ""
    with context.restore(ids):
        started = time.perf_counter()
        result = _within_time(check, target, context.snapshot())
        seconds = time.perf_counter() - started
        if result.status is Status.UP and check.slow is not None and seconds >= check.slow:
            advice = f"An answer should take less than {check.slow:g} s."
            result = Result.degraded(f"slow: {result.summary}", advice=advice, **result.details)
        return _publish(Report(check.name, node, result, seconds))


def _within_time(check: Check, target: Target | None, ids: dict[str, str]) -> Result:
    """Call the check in a thread and stop waiting, not the thread, when its time is over."""
    key = (check.name, target.name if target else "")
    stuck = _unfinished.get(key)
    if stuck is not None and stuck.is_alive():
        # A second thread would wait just as long; hung probes must not pile up.
        return Result.down("an earlier probe still hangs", advice="See why the first one does not return.")
    answers: list[Result] = []
    thread = threading.Thread(target=_call, args=(check, target, ids, answers), name=f"health-{key}", daemon=True)
    _unfinished[key] = thread
    thread.start()
    thread.join(check.timeout)
    if answers:
        return answers[0]
    return Result.down(f"no answer within {check.timeout:g} s", advice="Check the service and the way to it.")


def _call(check: Check, target: Target | None, ids: dict[str, str], answers: list[Result]) -> None:
    with context.restore(ids):
        try:
            answers.append(check.function() if target is None else check.function(target))
        except Exception as error:  # noqa: BLE001 - a probe that raises has found something down
            text = f"{type(error).__name__}: {error}"
            answers.append(Result.down(text, advice="Read the error; the service does not answer as it should."))
        finally:
            connections.close_all()  # this thread's own


def _publish(report: Report) -> Report:
    metrics.health_status.labels(check=report.check, node=report.node).set(report.result.status.gauge)
    exemplars.observe(metrics.health_duration, report.seconds, check=report.check)
    return _log(report)


def _log(report: Report) -> Report:
    status = report.result.status
    log = get_logger(HEALTH_CHECK, service="health")
    getattr(log, _LOG_LEVELS[status])(
        f"{report.check} {status}",
        check=report.check,
        node=report.node,
        summary=report.result.summary,
        duration_ms=round(report.seconds * 1000, 1),
        status="success" if status is Status.UP else "partial" if status is Status.DEGRADED else "failed",
    )
    return report
