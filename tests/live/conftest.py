"""Fixtures of the live tests: lab nodes, and one panel with a bootstrapped node for the whole session."""

from collections.abc import Iterator

import pytest

from tests.lab.fixtures import fresh_node, lab, lab_node, lent  # noqa: F401
from tests.lab.nodes import Lab
from tests.live.panel import Panel


@pytest.fixture(scope="session")
def panel(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:  # noqa: F811
    """A panel with a node of its own, bootstrapped by its own commands. Tests add services, and leave it whole."""
    with lent(lab, prefer=2) as node:
        panel = Panel(tmp_path_factory.mktemp("panel"), node)
        try:
            panel.prepare()
            yield panel
        finally:
            panel.close()
