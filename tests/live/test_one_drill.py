"""One drill, the shortest, so that the drills themselves do not rot between two runs of ``make drills``.

The alerts are left out here: waiting for them takes a minute, and has tests of its own.
"""

import dataclasses
from pathlib import Path

import pytest

from tests.drills import receipts
from tests.drills.catalogue import find
from tests.drills.runner import Run
from tests.drills.stack import Stack
from tests.lab.nodes import Lab

pytestmark = pytest.mark.lab


def test_a_stopped_daemon_is_mended_by_the_commands_of_its_page(lab: Lab, tmp_path: Path) -> None:
    drill = dataclasses.replace(find("nginx-down"), alerts=())
    stack = Stack(watched=False)
    try:
        record = Run(stack.up(), drill, tmp_path / "drilled.json").go()
        assert record.passed, record.problem
        assert stack.node.exec(["systemctl", "is-active", "nginx"]).returncode == 0
    finally:
        stack.down()
    pages = {row["page"] for row in receipts.read(tmp_path / "drilled.json").values()}
    assert pages == {"README", "hosting-daemon-down"}
