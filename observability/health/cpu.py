"""Checks how busy the panel machine's processors are."""

import threading
import time
from typing import Any

import psutil
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check

DEGRADED_RATIO = 0.90
_SHORTEST = 1.0
_LONGEST = 120.0

_lock = threading.Lock()
_last: tuple[float, Any] | None = None


@health_check(
    "cpu",
    timeout=4.0,
    title=_("Processors"),
    means=_("Pages and operations get slow; nothing is lost."),
    runbook="high-cpu",
)
def check_cpu() -> Result:
    """Judge the time since the last look in this process, or one second.

    It never says down: a busy processor makes everything slow, and what is too slow says so itself.
    """
    return judge(_used_since_last_look(), psutil.getloadavg()[0])


def judge(ratio: float, load: float) -> Result:
    """The result for processors that are so busy, with so many processes that want them."""
    metrics.cpu_used_ratio.set(ratio)
    details = {"used_ratio": round(ratio, 3), "load": round(load, 2), "processors": psutil.cpu_count() or 1}
    if ratio < DEGRADED_RATIO:
        return Result.up(f"processors are {ratio:.0%} busy", **details)
    advice = "Find what keeps them busy (ps --sort -pcpu); runbook: high CPU."
    return Result.degraded(f"processors are {ratio:.0%} busy", advice=advice, **details)


def _used_since_last_look() -> float:
    global _last
    with _lock:
        at, before = _last or (time.monotonic(), psutil.cpu_times())
        passed = time.monotonic() - at
        if not _SHORTEST <= passed <= _LONGEST:
            before = psutil.cpu_times()
            time.sleep(_SHORTEST)
        now = psutil.cpu_times()
        _last = (time.monotonic(), now)
    return _busy(before, now)


def _busy(before: Any, now: Any) -> float:
    """The part of the passed time that no processor was idle or waited for a disk (proc(5), ``/proc/stat``)."""
    passed = {name: getattr(now, name) - getattr(before, name) for name in now._fields if not name.startswith("guest")}
    total = sum(passed.values())
    idle = passed.get("idle", 0.0) + passed.get("iowait", 0.0)
    return min(1.0, max(0.0, 1 - idle / total)) if total > 0 else 0.0
