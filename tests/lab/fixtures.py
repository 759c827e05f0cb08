"""Pytest fixtures that lend lab nodes to tests; import them in a conftest.

They use nodes 11 to 19 (``NPANEL_LAB_TEST_NODES``, for example ``15-17``), apart from those used by hand. A node is
claimed by a lock, so parallel workers and parallel test runs each get their own.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from .errors import LabError
from .nodes import Lab, Node

WITHOUT_ROOT = "NPANEL_TESTS_WITHOUT_ROOT"


def test_nodes() -> list[int]:
    """Numbers of the nodes that tests may use."""
    first, _, last = os.environ.get("NPANEL_LAB_TEST_NODES", "11-19").partition("-")
    return list(range(int(first), int(last or first) + 1))


test_nodes.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The lab; builds its base where that is missing. Without root the tests fail, unless told that this is meant."""
    try:
        return Lab()
    except LabError as error:
        if os.environ.get(WITHOUT_ROOT) == "1":
            pytest.skip(f"{error} ({WITHOUT_ROOT}=1)")
        pytest.fail(f"no lab on this machine: {error}. Set {WITHOUT_ROOT}=1 to skip what needs it.", pytrace=False)


@pytest.fixture(scope="session")
def lab_node(lab: Lab) -> Iterator[Node]:
    """One node, fresh when the session (of each pytest-xdist worker) first asks for it, and kept until its end."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    with lent(lab, prefer=int(worker)) as node:
        yield node


@pytest.fixture
def fresh_node(lab: Lab) -> Iterator[Callable[[], Node]]:
    """A function that returns another node, fresh and up, each time it is called; all are gone after the test."""
    with contextlib.ExitStack() as stack:
        # From the far end, where no worker's own node is looked for first.
        yield lambda: stack.enter_context(lent(lab, prefer=-1))


@contextlib.contextmanager
def lent(lab: Lab, prefer: int) -> Iterator[Node]:
    """A fresh node, up, for the time of the block; ``prefer`` is an index into ``test_nodes()``.

    Raises:
        LabError: other test runs hold all of them.
    """
    number, claim = _claim(lab.state, prefer)
    with claim:
        node = lab.node(number)
        node.down()
        try:
            yield node.up()
        finally:
            node.down()


def _claim(state: Path, prefer: int) -> tuple[int, IO[str]]:
    numbers = test_nodes()
    start = prefer % len(numbers)
    order = numbers[start::-1] + numbers[:start:-1] if prefer < 0 else numbers[start:] + numbers[:start]
    for number in order:
        claim = (state / f"claim{number}.lock").open("a")
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, claim
        claim.close()
    raise LabError(f"every test node of the lab ({numbers[0]} to {numbers[-1]}) is in use by another test run")
