"""Renders one scrape: the files of all processes in multi-process mode, plus the live gauges."""

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from observability.metrics import LiveCollector
from observability.multiprocess import merge_dead_processes, multiprocess_dir, reading


def exposition() -> bytes:
    """Prometheus text format of everything NPanel measures, over all its processes."""
    live = CollectorRegistry()
    live.register(LiveCollector())
    return _recorded() + generate_latest(live)


def _recorded() -> bytes:
    directory = multiprocess_dir()
    if directory is None or not directory.is_dir():
        return generate_latest(REGISTRY)
    merge_dead_processes()
    registry = CollectorRegistry()
    with reading(directory):
        MultiProcessCollector(registry, path=str(directory))
        return generate_latest(registry)
