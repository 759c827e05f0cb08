"""Checks how much of the panel machine's memory is in use."""

import psutil
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check

DEGRADED_RATIO = 0.80
DOWN_RATIO = 0.85


@health_check(
    "memory",
    timeout=2.0,
    title=_("Memory"),
    means=_("With too little of it, the kernel ends processes of its own choosing."),
    runbook="high-memory",
)
def check_memory() -> Result:
    """Judge what is not available without swapping (``MemAvailable`` of /proc/meminfo, proc(5))."""
    memory = psutil.virtual_memory()
    return judge(memory.total, memory.available)


def judge(total_bytes: int, available_bytes: int) -> Result:
    """The result for so much memory, of which so much is available."""
    ratio = 1 - available_bytes / total_bytes
    metrics.memory_used_ratio.set(ratio)
    return Result.by_ratio(
        ratio,
        "memory is",
        degraded=DEGRADED_RATIO,
        down=DOWN_RATIO,
        advice="Find the largest processes (ps --sort -rss); runbook: high memory.",
        total_bytes=total_bytes,
        available_bytes=available_bytes,
        swap_used_ratio=psutil.swap_memory().percent / 100,
    )
