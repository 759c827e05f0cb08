"""Checks that the resolver of this machine and each authoritative name server of ours answer."""

from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check
from observability.health.targets import Target, register_targets

LIMIT_SECONDS = 5.0
_DNS_PORT = 53


def resolvers() -> Iterator[Target]:
    """NPANEL_HEALTH_RESOLVERS (``address`` or ``address#port``), else the name servers of resolv.conf(5)."""
    configured = getattr(settings, "NPANEL_HEALTH_RESOLVERS", None)
    if configured is None:
        try:
            configured = dns.resolver.Resolver().nameservers
        except dns.resolver.NoResolverConfiguration:
            configured = []
    for number, server in enumerate(configured, start=1):
        address, _, port = str(server).partition("#")
        yield Target(f"resolver-{number}", address, int(port or _DNS_PORT), {"zone": ".", "type": "NS"})


register_targets("resolver", resolvers)


@health_check(
    "dns",
    timeout=LIMIT_SECONDS + 0.5,
    slow=1.0,
    per_target=("resolver", "dns"),
    title=_("Name servers"),
    means=_("Names can not be looked up: sites and mail are not found."),
    runbook="dns-failure",
)
def check_dns(server: Target) -> Result:
    """Ask a resolver for the root's name servers, or an authoritative server for a zone's SOA."""
    authoritative = "type" not in server.extra
    query = dns.message.make_query(str(server.extra["zone"]), str(server.extra.get("type", "SOA")))
    try:
        answer = dns.query.udp(query, server.address, timeout=LIMIT_SECONDS, port=server.port, ignore_unexpected=True)
    except (dns.exception.DNSException, OSError) as error:
        return _failed(f"no answer: {type(error).__name__}")
    if authoritative:
        return _judge_zone(str(server.extra["zone"]), answer)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return _failed(f"answers {dns.rcode.to_text(answer.rcode())}")
    return Result.up("answers")


def _judge_zone(zone: str, answer: dns.message.Message) -> Result:
    if answer.rcode() != dns.rcode.NOERROR or not answer.answer:
        return _failed(f"answers {dns.rcode.to_text(answer.rcode())} without an SOA for {zone}")
    if not answer.flags & dns.flags.AA:
        return _failed(f"is not authoritative for {zone}")
    return Result.up(f"answers for {zone}")


def _failed(summary: str) -> Result:
    metrics.dns_failed()
    return Result.down(summary, advice="Check the name server on that address: is it running, is port 53 open?")
