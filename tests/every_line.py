"""Looks at each log line that is written while tests run: mandatory fields, known operation, known status."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from observability.logging import OPTIONAL_FIELDS, STATUSES, _formatter
from observability.operations import known_operations

_LEVELS = ("debug", "info", "warning", "error", "critical")
_SHAPES = {
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "level": "|".join(_LEVELS),
    "service": r"npanel(-[a-z]+)?|migration|hosting|iam|health",
    "operation": r"[a-z]+(_[a-z0-9]+)*",
    "trace_id": r"(?!0{32})[0-9a-f]{32}",
    "message": r"(?s:.+)",
}
_KNOWN = {*_SHAPES, *OPTIONAL_FIELDS, "context"}


def faults(line: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a line."""
    for name, shape in _SHAPES.items():
        if not re.fullmatch(shape, str(line.get(name, ""))):
            yield f"{name} is {line.get(name)!r}"
    if unknown := line.keys() - _KNOWN:
        yield f"unknown fields {sorted(unknown)}"
    if line.get("operation") not in known_operations() or "unregistered_operation" in line.get("context", {}):
        yield f"operation {line.get('context', {}).get('unregistered_operation', line.get('operation'))!r} is unknown"
    if line.get("status", "success") not in STATUSES:
        yield f"status is {line['status']!r}"


class _Looker(logging.Handler):
    """Keeps what is wrong with the lines that pass."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_formatter())
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Form the line as it is written, and look at it."""
        line = json.loads(self.format(record))
        self.found += [f"{fault} in {line}" for fault in faults(line)]


@contextmanager
def looked_at(logger: str = "") -> Iterator[None]:
    """Look at every line of the block, or at those of one logger.

    Raises:
        AssertionError: a line has a fault.
    """
    looker, source = _Looker(), logging.getLogger(logger)
    source.addHandler(looker)
    try:
        yield
    finally:
        source.removeHandler(looker)
    if looker.found:
        raise AssertionError("\n".join(looker.found[:10]))
