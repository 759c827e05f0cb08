"""The portal on MariaDB: a customer with 50 domains beside a crowd of others; how long the server takes for a page.

Runs in a process of its own, because its Django stands on another database than the other groups', and serves the
customers' interface.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.bench.panel import ROOT

if TYPE_CHECKING:
    from accounts.models import User
    from hosting.models import HostingService

FULL = os.environ.get("FULL") == "1"
#: Services of others, and operations and audit events of theirs.
CROWD = 100_000 if FULL else 10_000
MANY = 200_000 if FULL else 20_000
DOMAINS, DATABASES, RECORDS, EVENTS = 50, 20, 10, 500
#: Each page is asked this often; the first answers, which fill caches, do not count.
TIMES, _WARM = 20, 2


def figures() -> Iterator[tuple[str, float]]:
    """``portal.page_p95_ms`` over all pages (objective: 100), from a process of its own."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.portal"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    yield from json.loads(process.stdout.splitlines()[-1]).items()


def measured() -> dict[str, float]:
    """Fill, ask every page as the customer's owner, take the 95th percentile of all answers."""
    from django.test import Client

    from tests.bench import crowd

    crowd.fill(services=CROWD, operations=MANY, events=MANY)
    service, owner = _customer()
    client, took = Client(), []
    client.force_login(owner)
    for name, page in _pages(service).items():
        times = _times(client, page)
        print(f"    {statistics.median(times):7.1f} ms  {max(times):7.1f} ms at most  {name}", file=sys.stderr)
        took += times
    return {"portal.crowd": float(CROWD), "portal.page_p95_ms": statistics.quantiles(took, n=20)[-1]}


def _customer() -> tuple["HostingService", "User"]:
    """One customer with a service in full use, and what has happened to it."""
    from audit.choices import Outcome
    from audit.record import Target, record
    from hosting.models import DnsRecord
    from hosting.verbs import OPERATION_VERBS
    from tests import factories, people
    from tests.web import rows

    plan = factories.make_plan(name="Large", domains=DOMAINS, databases=DATABASES)
    service = rows.service("bench", "bench0.example", customer=factories.make_customer(name="Bench"), plan=plan)
    domains = [service.domains.get()] + [rows.domain(service, f"bench{number}.example") for number in range(1, DOMAINS)]
    DnsRecord.objects.bulk_create(
        DnsRecord(domain=domain, name=f"n{number}", type="A", content="192.0.2.1")
        for domain in domains
        for number in range(RECORDS)
    )
    for number in range(DATABASES):
        rows.database(service, f"shop{number}")
    operations = [rows.operation(service) for _number in range(20)]
    target = Target("service", str(service.pk), service.username)
    for number in range(EVENTS):
        operation = operations[number % len(operations)]
        record(
            verb=OPERATION_VERBS[operation.kind], actor=people.operator(), target=target, outcome=Outcome.SUCCEEDED,
            operation_id=operation.pk,
        )  # fmt: skip
    return service, people.member(service.customer)


def _pages(service: "HostingService") -> dict[str, str]:
    from django.urls import reverse

    main, operation = service.domains.get(is_primary=True), service.operations.first()
    assert operation is not None
    return {
        **{name: reverse(f"portal:{name}") for name in ("home", "domains", "databases", "activity")},
        "service": reverse("portal:service", args=(service.pk,)),
        "domain": reverse("portal:domain", args=(main.pk,)),
        "dns": reverse("portal:dns", args=(main.pk,)),
        "operation": reverse("portal:operation", args=(operation.pk,)),
    }


def _times(client: Any, page: str) -> list[float]:
    """Milliseconds of one page, asked again and again."""
    took = []
    for _number in range(TIMES + _WARM):
        began = time.perf_counter()
        answer = client.get(page)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{page}: {answer.status_code} {answer.headers.get('Location', '')}")
    return took[_WARM:]


def main() -> None:
    """Measure on a MariaDB of its own; the last line of the output is JSON."""
    os.environ["NPANEL_INTERFACE"] = "customer"
    from tests.bench import crowd

    with crowd.installation():
        print(json.dumps(measured()))


if __name__ == "__main__":
    main()
