"""Checks how much of the memory that the panel may have is in use: the machine's, or that of its control group."""

from pathlib import Path

import psutil
from django.conf import settings
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
    group = getattr(settings, "NPANEL_HEALTH_MEMORY_CGROUP", "")
    memory = psutil.virtual_memory()
    limit, used = of_group(Path(group)) if group else (memory.total, 0)
    if used and limit < memory.total:
        return judge(limit, limit - used)
    return judge(memory.total, memory.available)


def of_group(folder: Path) -> tuple[int, int]:
    """Limit of a control group and what can't be given back of it, in bytes (cgroups(7): version 2, else 1).

    A group without a limit has the machine's.
    """
    second = (folder / "memory.max").exists()
    limit, usage = ("max", "current") if second else ("limit_in_bytes", "usage_in_bytes")
    text = (folder / f"memory.{limit}").read_text().strip()
    used = int((folder / f"memory.{usage}").read_text())
    figures = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    cache = int(figures.get("inactive_file" if second else "total_inactive_file", 0))
    total = psutil.virtual_memory().total
    return (min(int(text), total) if text.isdigit() else total), max(1, used - cache)


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
