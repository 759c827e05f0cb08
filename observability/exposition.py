"""Renders one scrape: the files of all processes in multi-process mode, plus the live gauges."""

import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Sample

from observability import exemplars
from observability.metrics import PERISHABLE, PERISHED_SECONDS, LiveCollector, declared
from observability.multiprocess import last_set, merge_dead_processes, multiprocess_dir, reading


def exposition(accept: str = "") -> tuple[bytes, str]:
    """One scrape over all processes, and its content type.

    Args:
        accept: the scraper's Accept header. Prometheus asks for OpenMetrics, the one text format with exemplars.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    if "application/openmetrics-text" in accept:
        return openmetrics.generate_latest(registry), openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_LATEST


def families() -> list[Metric]:
    """What a scrape would tell, for those who read it here."""
    return list(_Everything().collect())


class _Everything:
    """What was recorded, what is known only now, and the names of what has no value yet."""

    def collect(self) -> Iterator[Metric]:
        seen = set()
        for family in _recorded():
            seen.add(family.name)
            yield family
        yield from (family for family in declared() if family.name not in seen)
        yield from LiveCollector().collect()


def _recorded() -> list[Metric]:
    directory = multiprocess_dir()
    if directory is None or not directory.is_dir():
        return list(REGISTRY.collect())
    merge_dead_processes()
    with reading(directory):
        families = list(MultiProcessCollector(None, path=str(directory)).collect())
        _drop_perished(families, directory)
        exemplars.attach(families, directory)
    return families


def _drop_perished(families: list[Metric], directory: Path) -> None:
    """Leave out what was said of nodes that are gone, and what a dead worker said last."""
    since = time.time() - PERISHED_SECONDS
    for family in families:
        if family.name in PERISHABLE:
            times = last_set(directory, family.name)
            family.samples = [sample for sample in family.samples if times.get(_labels(sample), 0.0) >= since]


def _labels(sample: Sample) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sample.labels.items()))
