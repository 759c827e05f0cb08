"""What the observability tests share: log lines caught as objects, and registries put back as they were."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import pytest
import structlog

from observability import logging as npanel_logging
from observability import metrics
from observability.health import base, runner, targets


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure logging into memory; calling the fixture gives all lines so far, parsed."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config(), npanel_logging._Service.name)
    stream = io.StringIO()
    npanel_logging.configure(service="npanel-test", level="DEBUG", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], level, config, npanel_logging._Service.name = before
    root.setLevel(level)
    structlog.configure(**config)


@pytest.fixture
def clean_registries() -> Iterator[None]:
    """Let a test register targets, probes, heartbeats, checks and gauges for itself alone."""
    runner.discover()
    kept: list[tuple[Any, Any]] = [
        (registry, copy(registry))
        for registry in (
            targets._targets,
            targets._ssh_probes,
            targets._heartbeats,
            targets._daemon_probes,
            base._checks,
            metrics._providers,
        )
    ]
    builtin_resolver = targets._targets["resolver"]
    for registry, _ in kept:
        if registry is not base._checks:
            registry.clear()
    targets._targets["resolver"] = builtin_resolver
    yield
    for registry, content in kept:
        registry.clear()
        registry.extend(content) if isinstance(registry, list) else registry.update(content)
