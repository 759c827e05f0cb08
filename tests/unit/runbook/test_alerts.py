"""Each alert leads to a page and a heading of the runbook, and drills wait for alerts that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from npanel.runbook.html import anchor_of
from tests.drills.catalogue import DRILLS
from tests.drills.receipts import FOLDER
from tests.drills.undrilled import UNDRILLED

RULES = sorted((Path(__file__).resolve().parents[3] / "deploy" / "prometheus" / "rules").glob("*.yml"))
ALERTS: list[dict[str, Any]] = [
    rule
    for path in RULES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_its_link_leads_to_a_heading(rule: dict[str, Any]) -> None:
    found = re.fullmatch(r".*/docs/runbook/([a-z-]+)\.md#([\w-]+)", rule["annotations"]["runbook_url"])
    assert found is not None
    headings = re.findall(r"^#+ (.+)$", (FOLDER / f"{found[1]}.md").read_text(), re.MULTILINE)
    assert found[2] in map(anchor_of, headings)


def test_drills_wait_for_alerts_that_there_are() -> None:
    named = {name for drill in DRILLS for name in (*drill.alerts, *drill.also)}
    assert named <= {rule["alert"] for rule in ALERTS}


def test_an_alert_has_a_drill_or_says_why_not() -> None:
    drilled = {name for drill in DRILLS for name in drill.alerts}
    assert drilled.isdisjoint(UNDRILLED)
    assert drilled | UNDRILLED.keys() == {rule["alert"] for rule in ALERTS}
