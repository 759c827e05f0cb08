"""The hosting figures of PERFORMANCE.md: one service, many, at once, from far away."""

import os
import statistics
import time
from collections.abc import Iterator

from tests.bench import floor
from tests.bench.panel import BenchPanel, panel, timed, worker

FULL = os.environ.get("FULL") == "1"
#: Services on the node at the end of the growth and drift figures.
MANY = 500 if FULL else 60
_FIRST = 7


def figures() -> Iterator[tuple[str, float]]:
    """All hosting figures, in the order in which they are measured."""
    with panel() as bench:
        floor_seconds = floor.measure(bench.lab_node)
        yield "hosting.floor_s", floor_seconds
        first = yield from _creations(bench)
        yield "hosting.create.ratio_to_floor", first / floor_seconds
        yield from _small_changes(bench)
        yield from _deletion(bench)
        yield from _at_once(bench)
        yield from _growth(bench)
        yield from _observation(bench)
    yield from _from_far(first)


def _creations(bench: BenchPanel) -> Iterator[tuple[str, float]]:
    """One service at a time, asked to proven; the connection and the worker are warm."""
    _create(bench, 0)
    before = _reloads(bench)
    measured = [_create(bench, number) for number in range(1, _FIRST + 1)]
    seconds = statistics.median(item[0] for item in measured)
    yield "hosting.create.first_s", seconds
    yield "hosting.create.round_trips", statistics.median(item[1] for item in measured)
    yield "hosting.reloads_per_service.serial", (_reloads(bench) - before) / _FIRST
    return seconds


def _create(bench: BenchPanel, number: int) -> tuple[float, int]:
    seconds, operation = timed(lambda: bench.proven(bench.run(bench.ask(number))))
    return seconds, operation.round_trips


def _reloads(bench: BenchPanel) -> int:
    from hosting.models import ActivationLock

    lock = ActivationLock.objects.filter(node=bench.node).first()
    return int(lock.reloads.get("nginx", 0)) if lock else 0


def _small_changes(bench: BenchPanel) -> Iterator[tuple[str, float]]:
    """A DNS record and a database, each asked to proven."""
    from hosting.models import HostingService
    from hosting.services.databases import create_database
    from hosting.services.dns import add_record

    service = HostingService.objects.get(username_key="b1")
    domain = service.domains.get()
    records, databases = [], []
    for n in range(_FIRST):
        ask = lambda n=n: add_record(actor=bench.actor, domain=domain, name=f"r{n}", type="A", content="192.0.2.9")  # noqa: E731
        records.append(timed(lambda ask=ask: bench.proven(bench.run(ask())))[0])
        make = lambda n=n: create_database(actor=bench.actor, service=service, name=f"d{n}")  # noqa: E731
        databases.append(timed(lambda make=make: bench.proven(bench.run(make())))[0])
    yield "hosting.dns_record_s", statistics.median(records)
    yield "hosting.database_s", statistics.median(databases)


def _deletion(bench: BenchPanel) -> Iterator[tuple[str, float]]:
    from hosting.models import HostingService
    from hosting.services.sites import delete_service
    from tests.confirm import confirm

    seconds = []
    for number in range(2, 5):
        service = HostingService.objects.get(username_key=f"b{number}")
        # Planned and confirmed; what is timed is both of the worker's turns, and the confirmation between them.
        ask = lambda service=service: confirm(delete_service(actor=bench.actor, service=service), bench.actor)  # noqa: E731
        seconds.append(timed(lambda ask=ask: bench.proven(bench.run(ask())))[0])
    yield "hosting.delete.first_s", statistics.median(seconds)


def _at_once(bench: BenchPanel) -> Iterator[tuple[str, float]]:
    """Fifty asked at once, carried out by the real worker's processes."""
    from hosting.models import Operation
    from hosting.operations.doorbell import ring

    with worker():
        before = _reloads(bench)
        began = time.perf_counter()
        asked = [bench.ask(number) for number in range(1000, 1050)]
        ring()
        waiting = Operation.objects.filter(pk__in=[operation.pk for operation in asked]).exclude(
            finished_at__isnull=False
        )
        while waiting.exists() and time.perf_counter() - began < 600:
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        for operation in Operation.objects.filter(pk__in=[operation.pk for operation in asked]):
            bench.proven(operation)
    yield "hosting.create.concurrent50_each_s", seconds / 50
    yield "hosting.reloads_per_service.concurrent50", (_reloads(bench) - before) / 50


def _growth(bench: BenchPanel) -> Iterator[tuple[str, float]]:
    """The time of a creation with many services on the node, against that with ten."""
    early = statistics.median(_create(bench, number)[0] for number in range(2000, 2005))
    from hosting.models import HostingService

    number = 2005
    while HostingService.objects.exclude(username_key=None).count() < MANY - 5:
        _create(bench, number)
        number += 1
    late = statistics.median(_create(bench, n)[0] for n in range(number, number + 5))
    yield f"hosting.create.growth_{MANY}", late / early
    # The daemons read their whole configuration again at each test and reload: so much of it is theirs.
    floor_seconds = floor.measure(bench.lab_node)
    yield f"hosting.floor_{MANY}_s", floor_seconds
    yield f"hosting.create.ratio_to_floor_{MANY}", late / floor_seconds


def _observation(bench: BenchPanel) -> Iterator[tuple[str, float]]:
    """The drift scan of the whole node; it must find nothing."""
    from hosting.operations.drift import scan

    seconds, found = timed(lambda: scan(bench.node))
    if found:
        raise RuntimeError(f"the scan found drift where there is none: {found[:3]}")
    yield f"hosting.observe_{MANY}_s", seconds


def _from_far(near: float) -> Iterator[tuple[str, float]]:
    """The same creation with 100 ms added to each round trip."""
    with panel(latency=0.1) as bench:
        _create(bench, 0)
        far = statistics.median(_create(bench, number)[0] for number in range(1, 4))
    yield "hosting.create.rtt100_extra_s", far - near
