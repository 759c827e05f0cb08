"""One stack for all drills of a test run."""

from collections.abc import Iterator

import pytest

from tests.drills.runner import Record, report
from tests.drills.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Everything, up."""
    made = Stack()
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture(scope="session")
def records() -> Iterator[list[Record]]:
    """What the drills came to; written at the end."""
    kept: list[Record] = []
    yield kept
    if kept:
        report(kept)
