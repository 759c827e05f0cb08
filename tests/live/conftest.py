"""Fixtures of the live tests: lab nodes, and one panel with a bootstrapped node for the whole session."""

from collections.abc import Callable, Iterator

import pytest

from tests.lab.fixtures import fresh_node, lab, lab_node, lent  # noqa: F401
from tests.lab.nodes import Lab
from tests.live.front import Doors, environment_of, panel_behind, prepare, variables
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


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A panel of development with both interfaces behind nginx; no worker and no node."""
    folder = tmp_path_factory.mktemp("front")
    environment = environment_of(folder)
    prepare(environment)
    with panel_behind(variables(folder), folder, environment) as doors:
        yield doors


@pytest.fixture(scope="session")
def panel_front(panel: Panel) -> Iterator[Doors]:
    """The panel with a node, reached through its own nginx as people do."""
    with panel_behind(variables(panel.folder), panel.folder, panel.environment) as doors:
        yield doors


_LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Shows a line at the end of the run's output: figures that people want to see of tests that passed."""
    return request.config.stash.setdefault(_LINES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what :func:`say` was given."""
    for line in config.stash.get(_LINES, []):
        terminalreporter.write_line(line)
