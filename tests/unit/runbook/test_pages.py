"""The shipped runbook is whole: its pages have their parts, its links lead somewhere, its blocks can be read."""

import re
from pathlib import Path

import pytest

from npanel.runbook.blocks import all_blocks
from npanel.runbook.html import anchor_of

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "runbook"
PARTS = ["Symptoms", "Causes", "Diagnosis", "Recovery", "Prevention", "Escalation"]
EMERGENCIES = (
    "system-down", "database-connection-failure", "high-cpu", "high-memory", "disk-full", "slow-sign-in",
    "migration-job-failures", "hosting-operation-timeouts",
)  # fmt: skip
ALERTS = (
    "node-down", "dns-failure", "hosting-daemon-down", "broken-vhost", "drift", "queue-stalled", "certificate-expiring",
    "audit-broken", "backup-stale", "mail-queue", "address-blocklisted",
    "missing-logs-after-a-deletion",
)  # fmt: skip
PAGES = sorted(path.name for path in FOLDER.glob("*.md"))


def headings(text: str) -> list[str]:
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^##? (.+)$", outside, re.MULTILINE)


@pytest.mark.parametrize("slug", [*EMERGENCIES, *ALERTS])
def test_a_page_goes_from_symptoms_to_escalation(slug: str) -> None:
    found = headings((FOLDER / f"{slug}.md").read_text())
    assert [part for part in found if part in PARTS] == PARTS


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_and_headings_that_exist(name: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", (FOLDER / name).read_text()):
        path = FOLDER / (target or name)
        assert path.exists(), f"{name} links to {target}"
        if anchor:
            all_headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert anchor in map(anchor_of, all_headings), f"{name} links to {target}#{anchor}"


def test_what_no_drill_can_run_is_short_and_listed_here() -> None:
    """A block that is skipped needs an entry here, so that nobody adds one in passing."""
    skipped = {(block.page, block.text.split()[0] if block.language == "bash" else block.language)
               for block in all_blocks(FOLDER) if block.skip}  # fmt: skip
    assert skipped == {
        ("command-reference", "logql"),
        ("partial-migration", "manage.py"),
        ("dns-failure", "export"),
        ("dns-failure", "manage.py"),
        ("certificate-expiring", "kill"),
        ("certificate-expiring", "manage.py"),
        ("certificate-renewal-failed", "manage.py"),
        ("maintenance", "manage.py"),
    }
