"""A scrape of the panel at 10 and at 10,000 services on MariaDB: how long it takes and how large it is.

Runs in a process of its own, because its Django stands on another database than the other groups'.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.panel import ROOT

FEW, MANY = 10, 10_000
TIMES = 20


def figures() -> Iterator[tuple[str, float]]:
    """The group's figures, from a process of their own."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.metrics"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    yield from json.loads(process.stdout.splitlines()[-1]).items()


def measured() -> dict[str, float]:
    """The same nodes with few and with many services."""
    from tests.bench import crowd

    with crowd.installation():
        nodes = crowd.make_nodes()
        sizes = {}
        for services in (FEW, MANY):
            _fill(services, nodes)
            size, milliseconds = _scrape()
            sizes[services] = size
        return {
            "metrics.scrape_10k_ms": milliseconds,
            "metrics.scrape_bytes_10": sizes[FEW],
            "metrics.scrape_bytes_10k": sizes[MANY],
            "metrics.scrape_growth": sizes[MANY] / sizes[FEW],
        }


def _fill(services: int, nodes: list) -> None:  # type: ignore[type-arg]
    from tests.bench import crowd

    crowd._run("SET FOREIGN_KEY_CHECKS = 0")
    for table in ("hosting_domain", "hosting_hostingservice", "accounts_customer"):
        crowd._run(f"TRUNCATE TABLE {table}")
    crowd.make_customers(max(1, services // crowd.EACH))
    crowd.make_services(services, nodes)
    crowd.make_domains(services)


def _scrape() -> tuple[int, float]:
    """Size of a scrape as Prometheus asks for it, and the p95 of its time."""
    from django.test import Client

    client, took, size = Client(), [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200
        size = len(answer.content)
    return size, statistics.quantiles(took[1:], n=20)[-1]


if __name__ == "__main__":
    print(json.dumps(measured()))
