"""Each drill: the fault is noticed in time, the runbook's commands mend it, and nothing else is raised.

``make drills`` runs them all; ``.venv/bin/pytest tests/drills -k disk-full`` runs one.
"""

import pytest

from tests.drills.catalogue import DRILLS
from tests.drills.faults import Drill
from tests.drills.runner import Record, Run
from tests.drills.stack import Stack

pytestmark = [pytest.mark.drill, pytest.mark.lab, pytest.mark.slow]


@pytest.mark.parametrize("drill", sorted(DRILLS, key=lambda one: one.busy), ids=lambda one: one.name)
def test_the_runbook_mends_it(stack: Stack, records: list[Record], drill: Drill) -> None:
    record = Run(stack, drill).go()
    records.append(record)
    assert record.passed, record.problem or f"false alerts: {record.false_alerts}"
