"""The reference pages name every command and every setting there is, and none that is not."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
OURS = ("accounts", "audit", "hosting", "npanel", "observability")
#: Where the environment is read, and by what.
READERS = (
    "npanel/*.py",
    "gunicorn.conf.py",
    "hosting/failpoints.py",
    "scripts/run*.py",
    "scripts/setup.sh",
    "tests/lab/*.py",
)
_THROUGH_ENV = re.compile(r'\b(?:env\.)?(?:text|boolean|choice|words|number|path|(?:optional_)?secret)\(\s*"([A-Z_]+)"')
_BY_NAME = re.compile(r'(?:environ(?:\.get)?[\[(]|getenv\(|default\()\s*"NPANEL_([A-Z_]+)"|\$\{NPANEL_([A-Z_]+)')
_CONSTANT = re.compile(r'^[A-Z_]+ = "NPANEL_([A-Z_]+)"$', re.MULTILINE)


def documented(page: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / "docs" / page).read_text(), re.MULTILINE))


def variables() -> set[str]:
    """Every NPANEL_ variable that the code reads."""
    found: set[str] = set()
    for path in (path for reader in READERS for path in ROOT.glob(reader)):
        text = path.read_text()
        if path.parent.name != "lab":
            found |= set(_THROUGH_ENV.findall(text))
        found |= {name for pair in _BY_NAME.findall(text) for name in pair if name} | set(_CONSTANT.findall(text))
    return found


def test_every_command_of_ours_has_its_paragraph() -> None:
    ours = {name for name, app in get_commands().items() if str(app) in OURS}
    assert documented("commands.md", r"^### ([a-z0-9_]+)$") == ours


def test_every_setting_has_its_line() -> None:
    listed = documented("settings.md", r"^\| `NPANEL_([A-Z_]+)`")
    assert variables() - listed == set()
    # What a secret's own variable implies.
    assert listed - variables() <= {"SECRET_KEY_FILE", "FAILPOINT", "FAILPOINTS"}


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page} links to {target}"
        if anchor:
            headings = [re.sub(r"[^a-z0-9_ -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                        for line in path.read_text().splitlines() if line.startswith("#")]  # fmt: skip
            assert anchor in headings, f"{page} links to {target}#{anchor}"
