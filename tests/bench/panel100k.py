"""The console at 100,000 services on MariaDB: how long the server takes for lists, searches and object pages.

Runs in a process of its own, because its Django stands on another database than the other groups'.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.bench.panel import ROOT

FULL = os.environ.get("FULL") == "1"
#: Operations and audit events beside the services.
MANY = 1_000_000 if FULL else 200_000
#: Each page is asked this often; the first answer, which fills caches, does not count.
TIMES = 12
LISTS = {
    "services": "hosting/hostingservice/",
    "services by name": "hosting/hostingservice/?o=1",
    "services, suspended": "hosting/hostingservice/?state__exact=suspended",
    "services, out of sync": "hosting/hostingservice/?sync=out",
    "services of a node": "hosting/hostingservice/?node=7",
    "services found": "hosting/hostingservice/?q=anna1",
    "domains": "hosting/domain/",
    "DNS records": "hosting/dnsrecord/",
    "databases": "hosting/database/",
    "database users": "hosting/databaseuser/",
    "customers": "accounts/customer/",
    "customers found": "accounts/customer/?q=kino",
    "operations": "hosting/operation/",
    "operations, failed": "hosting/operation/?state__exact=failed",
    "operations of a kind": "hosting/operation/?kind__exact=dns_change",
    "operations of a service": "hosting/operation/?service=77",
    "operations found": "hosting/operation/?q=bert1",
    "audit": "audit/event/",
    "audit, denied": "audit/event/?outcome__exact=denied",
    "audit found": "audit/event/?q=ip:198.51.1",
    "nodes": "hosting/node/",
}
SEARCHES = (
    "anna", "a", "bert1", "kino9.example", "domain:radio", "domain:radio10044.example", "customer:musik", "user:wald1",
    "service:nord", "db:cafe7", "node:node-0", "ip:192.0.2", "ip:198.51.100", "op:emil", "trace:c4ca4238",
    "nothing-such",
)  # fmt: skip


def figures() -> Iterator[tuple[str, float]]:
    """The group's figures, from a process of their own."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.panel100k"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    yield from json.loads(process.stdout.splitlines()[-1]).items()


def measured() -> dict[str, float]:
    """Fill, ask every page, take the 95th percentile of each kind."""
    from django.test import Client

    from tests import people
    from tests.bench import crowd

    began = time.perf_counter()
    crowd.fill(operations=MANY, events=MANY)
    seconds = time.perf_counter() - began
    client = Client()
    client.force_login(people.admin())
    lists = [*LISTS.items(), *_deep(client)]
    return {
        "admin.crowd_s": seconds,
        "admin.list_100k_p95_ms": _p95("list", [_times(client, name, page) for name, page in lists]),
        "admin.search_100k_p95_ms": _p95("search", [_times(client, q, f"search/?q={q}") for q in SEARCHES]),
        "admin.object_p95_ms": _p95("object", [_times(client, name, page) for name, page in _objects()]),
        "admin.start_p95_ms": _p95("start", [_times(client, "start", "")]),
    }


def _deep(client: Any) -> list[tuple[str, str]]:
    """Pages far down, as somebody reaches them who goes on and on."""
    import base64

    from hosting.models import Domain, Operation

    def token(*values: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps([90_000, *map(str, values)]).encode()).decode().rstrip("=")

    domain = Domain.objects.order_by("name", "id")[90_000]
    operation = Operation.objects.order_by("-created_at", "-id")[90_000]
    return [
        ("services, row 90,000", f"hosting/hostingservice/?after={token(10_000)}"),
        ("domains, row 90,000", f"hosting/domain/?after={token(domain.name, domain.pk)}"),
        ("operations, row 90,000",
         f"hosting/operation/?after={token(operation.created_at.isoformat(), operation.pk)}"),
        ("audit, row 90,000", "audit/event/?before=110000"),
    ]  # fmt: skip


def _objects() -> list[tuple[str, str]]:
    from hosting.models import Operation

    newest = Operation.objects.order_by("-created_at")[100]
    pages = {
        "hosting/hostingservice/4711": ("overview", "plan", "operations", "audit"),
        "accounts/customer/4711": ("overview", "operations", "audit"),
        "hosting/domain/4711": ("overview",),
        "hosting/database/4711": ("overview",),
        "hosting/node/7": ("overview", "drift", "operations", "audit"),
        f"hosting/operation/{newest.pk}": ("overview", "audit"),
    }
    return [(f"{page} {tab}", f"{page}/change/?tab={tab}") for page, tabs in pages.items() for tab in tabs]


def _times(client: Any, name: str, page: str) -> tuple[str, list[float]]:
    """Milliseconds of one page, asked again and again."""
    took = []
    for _number in range(TIMES + 1):
        began = time.perf_counter()
        answer = client.get(f"/admin/{page}")
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{page}: {answer.status_code} {answer.headers.get('Location', '')}")
    return name, took[1:]


def _p95(kind: str, pages: list[tuple[str, list[float]]]) -> float:
    """The 95th percentile of all answers; each page's median goes to the terminal."""
    for name, took in pages:
        print(f"    {kind:7} {statistics.median(took):7.1f} ms  {max(took):7.1f} ms at most  {name}", file=sys.stderr)
    return statistics.quantiles([value for _name, took in pages for value in took], n=20)[-1]


def main() -> None:
    """Measure on a MariaDB of its own; the last line of the output is JSON."""
    from tests.bench import crowd

    with crowd.installation():
        print(json.dumps(measured()))


if __name__ == "__main__":
    main()
