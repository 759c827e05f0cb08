"""Checks that secondary name servers answer, with the zones as their primary has them now."""

from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check
from observability.health.targets import Target

#: Zones asked for at most: those that changed last, so that a lag shows.
MOST = 10
#: Seconds for one answer.
PATIENCE_S = 1.5
_ADVICE = "Look whether the name server runs and reaches its primary on port 53; runbook: DNS failure."


@dataclass(frozen=True, slots=True)
class Standing:
    """How a secondary does: the zones that were asked for, and those that it has not, or not as they are now."""

    asked: tuple[str, ...]
    behind: tuple[str, ...]
    silent: bool = False


@health_check(
    "secondaries",
    timeout=(MOST + 2) * PATIENCE_S,
    per_target="secondary",
    title=_("Secondary name servers"),
    means=_("While the primary is down, or always for some, old answers are given or none."),
    runbook="dns-failure",
)
def check_secondaries(secondary: Target) -> Result:
    """Compare serials of the zones that changed last."""
    found = look(secondary)
    metrics.dns_secondary_behind.labels(node=secondary.name).set(len(found.behind))
    if found.silent:
        return Result.down("no answer", advice=_ADVICE)
    if found.behind:
        return Result.degraded(f"is behind with {', '.join(found.behind[:3])}", advice=_ADVICE)
    return Result.up(f"has {len(found.asked)} zones as they are now")


def look(secondary: Target) -> Standing:
    """Ask primary and secondary for the SOA of some zones; ``extra`` has the primary's address and the zones' names.

    A zone that the primary does not answer for is no measure of the secondary, which answers for it alone then.
    """
    zones, behind = tuple(secondary.extra["zones"])[:MOST], []
    if zones and _ask(secondary.address, zones[0], secondary.port) is None:
        return Standing(zones, zones, silent=True)
    primary, port = str(secondary.extra["primary"]), int(secondary.extra.get("primary_port", 53))
    answers = bool(zones) and _ask(primary, zones[0], port) is not None
    for zone in zones:
        theirs = serial_at(secondary.address, zone, secondary.port)
        ours = serial_at(primary, zone, port) if answers else None
        if theirs is None or (ours is not None and is_older(theirs, ours)):
            behind.append(zone)
    return Standing(zones, tuple(behind))


def serial_at(address: str, zone: str, port: int = 53) -> int | None:
    """The serial that a name server says for a zone, None if it says none."""
    answer = _ask(address, zone, port)
    for found in answer.answer if answer is not None else ():
        if found.rdtype == dns.rdatatype.SOA:
            return int(found[0].serial)
    return None


def is_older(serial: int, other: int) -> bool:
    """Whether one serial comes before another (RFC 1982 §3.2)."""
    return serial != other and (other - serial) % 2**32 < 2**31


def _ask(address: str, zone: str, port: int) -> dns.message.Message | None:
    query = dns.message.make_query(f"{zone}.", "SOA")
    query.flags &= ~dns.flags.RD
    try:
        return dns.query.udp(query, address, timeout=PATIENCE_S, port=port, ignore_unexpected=True)
    except (dns.exception.DNSException, OSError):
        return None
