"""What the record says of itself: gauges, health, and what the sealer looks at, every minute and every week."""

import datetime
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.doctor import examine
from audit.look_back import LookBack
from audit.looks import is_forged, keep, newest
from audit.models import Seal, Verification
from audit.retained import may_remove
from audit.sealing import SealerBusy, last_sealed_id, seal_pending
from audit.verifying import oldest_unsealed, verify
from observability.health.base import Result, health_check
from observability.logging import get_logger
from observability.metrics import GaugeSample, register_gauge_provider
from observability.operations import AUDIT_VERIFY
from observability.retained import get_kind
from observability.retention import run_if_due

log = get_logger(AUDIT_VERIFY)
#: Whatever a look can find is told of within five minutes (OPERATIONS, section 6).
EVERY_S = 60.0
#: A passing seal looks back over some minutes; a whole pass also finds what a longer transaction has added.
WHOLE_EVERY_S = 3600.0
#: Seconds of rest after each few thousand events of a full verification that nobody waits for.
PAUSE = 0.1
_looks = LookBack()
_KINDS = ("doctor", "worker", "incremental", "full")
_looked: dict[str, float] = {}


def register() -> None:
    """Hand the gauges to observability; the health checks registered themselves."""
    register_gauge_provider(gauges)


def gauges() -> Iterator[GaugeSample]:
    """The age of the oldest event without a seal, and whether every latest look found nothing wrong."""
    yield GaugeSample("npanel_audit_unsealed_age_seconds", unsealed_age())
    latest = latest_looks()
    if latest:
        yield GaugeSample("npanel_audit_verify_ok", float(all(look.ok for look in latest)))


def unsealed_age() -> float:
    """Seconds since the oldest event without a seal happened; 0 when all are sealed."""
    last = last_sealed_id()
    found = oldest_unsealed(floor=_looks.floor(last))
    if found is None:
        _looks.saw(last)
    return max(0.0, (timezone.now() - found[1]).total_seconds()) if found else 0.0


def latest_looks() -> list[Verification]:
    """The newest result of each kind; a full verification is over a finding that an incremental one had before."""
    latest = {kind: newest(kind) for kind in _KINDS}
    full, part = latest["full"], latest["incremental"]
    if full is not None and part is not None and full.at >= part.at:
        latest["incremental"] = None
    return [look for look in latest.values() if look is not None]


@health_check(
    "audit",
    timeout=5.0,
    title=_("Audit log"),
    means=_("What was done could be changed afterwards without anybody noticing. Everything else goes on."),
    runbook="audit-broken",
)
def audit_health() -> Result:
    """Sealing goes on, and the latest looks at the record found nothing wrong."""
    try:
        return _state()
    except (OperationalError, InterfaceError) as error:  # that is the check "database", and says nothing of the record
        return Result.degraded(f"the database does not answer: {error}", advice="Look at the check of the database.")


def _state() -> Result:
    bad = [look for look in latest_looks() if not look.ok]
    if bad:
        summary = "; ".join(str(look.finding.get("text", look.kind)) for look in bad)
        return Result.down(summary, advice="Run `manage.py audit_verify` and `manage.py audit_doctor`.")
    age = unsealed_age()
    if age > settings.NPANEL_AUDIT_UNSEALED_SECONDS:
        return Result.down(f"events wait {age:.0f} s for their seal", advice="Start `manage.py audit_seal --follow`.")
    if age > settings.NPANEL_AUDIT_UNSEALED_SECONDS / 5:
        return Result.degraded(f"events wait {age:.0f} s for their seal", advice="See whether the sealer runs.")
    if days := days_unproved():
        advice = "Run `manage.py audit_verify`; the sealer does by itself. See whether it runs, and its log."
        return Result.degraded(f"the whole record was not verified for {days} days", advice=advice)
    return Result.up("sealed and sound" if latest_looks() else "sealed", unsealed_age_seconds=round(age, 1))


def days_unproved() -> int:
    """For how many days nobody verified the whole record, where that is more than twice as long as it should be."""
    every = settings.NPANEL_AUDIT_FULL_VERIFY_DAYS
    full = newest("full")
    began = full.at if full else Seal.objects.order_by("seq").values_list("sealed_at", flat=True).first()
    days = (timezone.now() - began).days if began else 0
    return days if every and days >= 2 * every else 0


def seal_here() -> None:
    """The worker's chore, where the worker is the sealer."""
    if settings.NPANEL_AUDIT_SEALER != "worker":
        return
    whole = _is_time("whole pass", WHOLE_EVERY_S)
    try:
        seal_pending(whole=whole, checkpoint_now=False)
    except SealerBusy:
        if whole:
            del _looked["whole pass"]  # nobody made it


def look() -> None:
    """The worker's look: at all if it is the sealer, else at what its account can see of the triggers."""
    if settings.NPANEL_AUDIT_SEALER == "worker":
        look_now()
    elif _is_time("worker", EVERY_S):
        examine_and_keep(kind="worker")


def look_now() -> None:
    """Run the doctor and the incremental verifier if this process's last look is a minute old."""
    if _is_time("doctor", EVERY_S):
        for forged in filter(is_forged, latest_looks()):
            log.error("result not signed", kind=forged.kind, status="failed")
        examine_and_keep()
        verify(incremental=True)


def _is_time(kind: str, every: float) -> bool:
    """By this process's own clock: whatever the wall clock does, a look is never put off."""
    now = time.monotonic()
    if now - _looked.get(kind, -every) < every:
        return False
    _looked[kind] = now
    return True


def prove_here() -> None:
    """The worker's slow chore, where the worker is the sealer; it has a thread of its own, so sealing goes on."""
    if settings.NPANEL_AUDIT_SEALER == "worker":
        prove_whole()


def prove_whole() -> None:
    """Verify the whole record, unhurried, if that is due: only so is an old event found that was changed since.

    It keeps no place: one that was cut off is still due, and begins anew.
    """
    days = settings.NPANEL_AUDIT_FULL_VERIFY_DAYS
    if days and _is_due("full", datetime.timedelta(days=days)):
        verify(pause=PAUSE)


def keep_here() -> None:
    """Retention of the record by a sealer of its own, where the same account may remove; else it has a timer."""
    if settings.NPANEL_AUDIT_SEALER == "process" and may_remove():
        run_if_due(get_kind("audit"), actor=Actor.system("retention"))


def _is_due(kind: str, every: datetime.timedelta) -> bool:
    last = newest(kind)
    return last is None or is_forged(last) or not datetime.timedelta(0) <= timezone.now() - last.at < every


def examine_and_keep(using: str = "default", kind: str = "doctor") -> bool:
    """Run the doctor and keep what it found; whether the tables are sound."""
    found = [finding for finding in examine(using) if finding.is_error]
    text = " ".join(finding.message for finding in found)
    codes = [finding.code for finding in found]
    finding = {"text": text, "codes": codes} if found else None
    keep(using, kind=kind, ok=not found, finding=finding)
    return not found
