"""Checks how full the panel's own file systems are, in bytes and in inodes."""

import os

import psutil
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check

DEGRADED_RATIO = 0.80
DOWN_RATIO = 0.90


@health_check(
    "disk",
    timeout=5.0,
    title=_("Disk space"),
    means=_("A full disk stops the database, logs and every change."),
    runbook="disk-full",
)
def check_disk() -> Result:
    """Judge the fullest of NPANEL_HEALTH_DISK_PATHS."""
    paths = getattr(settings, "NPANEL_HEALTH_DISK_PATHS", ["/"])
    ratios = {str(path): used_ratio(str(path)) for path in paths}
    path, ratio = max(ratios.items(), key=lambda pair: pair[1])
    metrics.disk_used_ratio.set(ratio)
    return Result.by_ratio(
        ratio,
        f"{path} is",
        degraded=DEGRADED_RATIO,
        down=DOWN_RATIO,
        advice=f"Free space on {path}: old logs and backups first; runbook: disk full.",
        used_ratio={name: round(value, 4) for name, value in ratios.items()},
    )


def used_ratio(path: str) -> float:
    """The larger of the used parts of bytes (as ``df`` counts them) and of inodes, 0 to 1."""
    used_bytes = psutil.disk_usage(path).percent / 100
    inodes = os.statvfs(path)
    used_inodes = 1 - inodes.f_ffree / inodes.f_files if inodes.f_files else 0.0
    return max(used_bytes, used_inodes)
