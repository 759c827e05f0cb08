"""What the drills are made of: a shell that keeps what was set, a verdict, figures, and the command's refusals."""

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from npanel.runbook.blocks import Block
from tests.drills import incidents
from tests.drills.monitoring import Alert
from tests.drills.node_faults import NODE_FAULTS
from tests.drills.runner import Record, figures, missed, table
from tests.drills.shell import NotAsTold, Shell
from tests.drills.units import Units
from tests.factories import make_node


def block(text: str, **said: str) -> Block:
    return Block("page", "", 1, "bash", text, {"drill": "a", **said})


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path, {"PATH": "/usr/bin:/bin"}, lambda argv: ["env", *argv], lambda text: ["echo", text]) as made:
        yield made


def test_a_shell_keeps_what_was_set_and_its_input_is_nobodys(shell: Shell) -> None:
    shell.run(block("export NODE=web1\ncat\n"))
    assert shell.run(block('echo "node $NODE" >&2', shows="node web1")).status == 0


def test_a_block_that_does_something_else_than_told_is_a_failure(shell: Shell) -> None:
    with pytest.raises(NotAsTold, match="exit 3"):
        shell.run(block("(exit 3)"))
    with pytest.raises(NotAsTold, match=r"page\.md:1"):
        shell.run(block("echo no", shows="yes"))
    assert shell.run(block("(exit 3)", exit="2,3")).status == 3


def test_blocks_of_the_node_and_queries_go_to_their_own_places(shell: Shell) -> None:
    assert shell.run(block("echo at the console", at="node", shows="console")).status == 0
    query = Block("page", "", 1, "promql", "up == 1", {"drill": "a", "shows": "up == 1"})
    assert shell.run(query).status == 0


def test_the_stand_in_for_systemd_starts_stops_and_tells(tmp_path: Path) -> None:
    if not Path("/sys/fs/cgroup/unified").is_dir():
        pytest.skip("needs a writable control group")
    units = Units(tmp_path / "unit-test")
    code = "import subprocess, sys; print('hello', flush=True); subprocess.run(['sleep', '60'])"
    units.add("sleeper", [sys.executable, "-c", code], {"PATH": "/usr/bin:/bin"}, tmp_path)
    try:
        units.start("sleeper")
        while len(units.members("sleeper")) < 2:
            assert units.is_active("sleeper")
        assert units.log("sleeper", 5) == "hello"
        units.stop("sleeper")
        assert not units.is_active("sleeper") and units.members("sleeper") == []
    finally:
        units.remove()


def test_figures_take_the_slowest_and_count_what_failed() -> None:
    records = [
        Record("a", True, True, detect_s=40.0, recover_s=9.0, passed=True),
        Record("b", False, True, detect_s=200.0, recover_s=30.0, passed=True),
        Record("c", True, True, false_alerts=["X"]),
        Record("d", True, False, recover_s=2.0, passed=True),
    ]
    assert figures(records) == {
        "drills.run": 4, "drills.covered": 3, "drills.max_detect_s": 200.0, "drills.hard_detect_s": 40.0,
        "drills.max_recover_s": 30.0, "drills.false_alerts": 1,
    }  # fmt: skip
    assert "FALSE: X" in table(records)


def test_a_target_that_was_missed_is_told() -> None:
    good = Record("good", True, True, detect_s=59.9, recover_s=899.0, passed=True)
    assert missed([good]) == []
    assert missed([Record("late", False, True, detect_s=61.0, passed=True)]) == []
    for record in (
        Record("late", True, True, detect_s=60.0, passed=True),
        Record("late", False, True, detect_s=300.0, passed=True),
        Record("slow", True, True, detect_s=1.0, recover_s=900.0, passed=True),
        Record("before", True, True, detect_s=1.0, leftovers=["X"], passed=True),
        Record("failed", True, True),
    ):
        assert [record.drill in one for one in missed([good, record])] == [True]


class TestIncidents:
    """The incident of an alert is by the template, and tells what led to it."""

    ALERT = Alert("NodeDown", "page", "https://x/docs/runbook/node-down.md#symptoms", {})
    AT = datetime.datetime(2026, 1, 1)
    LINES = ("- 10:00 health ssh: down", "- 10:01 alert NodeDown (page)")
    REPORT = "\n".join([*incidents.PARTS[:3], *LINES, *incidents.PARTS[3:]])

    def row(self, **changes: Any) -> dict[str, Any]:
        found = {
            "runbook": "node-down",
            "report": self.REPORT,
            "summary": "x",
            "started_at": self.AT,
            "ended_at": self.AT,
        }
        return {**found, **changes}

    def test_a_whole_one_passes(self) -> None:
        incidents.check(self.row(), self.ALERT)

    @pytest.mark.parametrize("changes", [
        {"runbook": "drift"}, {"report": REPORT.replace("## Actions", "")},
        {"report": REPORT.replace("- 10:00 health ssh: down\n", "")}, {"report": REPORT.replace("NodeDown", "Drift")},
    ])  # fmt: skip
    def test_one_that_lacks_something_does_not(self, changes: dict[str, str]) -> None:
        with pytest.raises(AssertionError):
            incidents.check(self.row(**changes), self.ALERT)


@pytest.mark.django_db
class TestCommand:
    """``manage.py drill`` breaks nothing but lab nodes, and nothing without being told twice."""

    def refused(self, *argv: str) -> str:
        with pytest.raises(CommandError) as refusal:
            call_command("drill", *argv)
        return str(refusal.value)

    def test_it_refuses_production(self, settings: Any) -> None:
        settings.NPANEL_ENVIRONMENT = "production"
        assert "development only" in self.refused("nginx-down", "--node", "web1")

    def test_it_refuses_a_node_that_is_not_of_the_lab(self) -> None:
        node = make_node(address="192.0.2.7")
        assert "no node of the lab" in self.refused("nginx-down", "--node", node.name)

    def test_it_refuses_a_lab_address_behind_which_another_machine_is(self) -> None:
        node = make_node(address="10.77.0.254")
        assert "no node of the lab" in self.refused("nginx-down", "--node", node.name)

    def test_it_names_the_drills_there_are(self) -> None:
        said = self.refused("nothing", "--node", make_node().name)
        assert all(name in said for name in NODE_FAULTS)
