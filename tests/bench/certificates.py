"""Seconds for one certificate, asked to served by its name, with few and with many domains on the node."""

import os
import statistics
from collections.abc import Iterator

from tests.bench.panel import BenchPanel, panel, timed
from tests.certificates import Authority
from tests.unit.certificates.making import pair

FULL = os.environ.get("FULL") == "1"
SIZES = (10, 100, 1000) if FULL else (10, 100)
_EACH = 5


def figures() -> Iterator[tuple[str, float]]:
    """Each at a number of domains that all have a certificate; their reloads of nginx."""
    authority = Authority()
    with panel() as bench:
        bench.proven(bench.run(bench.ask(0)))
        for many in SIZES:
            _grow(bench, authority, many)
            before = _reloads(bench)
            yield f"certificate.install_{many}_s", statistics.median(_install(bench, authority) for _n in range(_EACH))
            reloads = (_reloads(bench) - before) / _EACH
        yield "certificate.reloads_each", reloads


def _grow(bench: BenchPanel, authority: Authority, many: int) -> None:
    """Have so many domains on the node, each with a certificate of its own; one operation."""
    from hosting.certificate_reader import read_pair
    from hosting.choices import CertificateSource
    from hosting.desired import keep_certificate
    from hosting.models import HostingService
    from hosting.services.sites import apply_service
    from tests.factories import make_domain

    service = HostingService.objects.get(username_key="b0")
    for number in range(service.domains.count(), many):
        domain = make_domain(service, f"host{number}.certs{number}.test", has_zone=False, php=False)
        found = read_pair(*pair(authority, domain.name))
        domain.certificate = keep_certificate(service, found, CertificateSource.UPLOADED)
        domain.save(update_fields=["certificate"])
    bench.proven(bench.run(apply_service(actor=bench.actor, service=service)))


def _install(bench: BenchPanel, authority: Authority) -> float:
    """Replace the certificate of one domain."""
    from hosting.models import Domain
    from hosting.services.certificates import upload_certificate

    domain = Domain.objects.filter(service__username_key="b0").order_by("-pk")[0]
    chain, key = pair(authority, domain.name)
    ask = lambda: upload_certificate(actor=bench.actor, domain=domain, chain=chain, private_key=key)  # noqa: E731
    return timed(lambda: bench.proven(bench.run(ask())))[0]


def _reloads(bench: BenchPanel) -> int:
    from hosting.models import ActivationLock

    lock = ActivationLock.objects.filter(node=bench.node).first()
    return int(lock.reloads.get("nginx", 0)) if lock else 0
