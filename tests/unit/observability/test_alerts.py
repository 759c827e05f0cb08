"""The shipped rules and routes, by Prometheus' and Alertmanager's own tools."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS, ALERTMANAGER = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
#: Days in steps of a minute take promtool minutes: ``promtool test rules deploy/prometheus/tests/*.yml`` runs all.
LONG = {"objectives.yml", "objectives-slow.yml", "trust-slow.yml"}


def rules() -> list[dict[str, Any]]:
    """All alerts."""
    files = [yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule]


def run(*argv: str) -> str:
    """A tool's output; it must not fail."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_alert_says_what_and_what_to_do() -> None:
    """Severity, summary, description, a page and heading of the runbook that exist."""
    assert len(rules()) > 30
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "critical", "warning")
        notes = rule["annotations"]
        assert notes["summary"] and notes["description"]
        page, heading = re.fullmatch(r".*(docs/runbook/[a-z-]+\.md)#([a-z-]+)", notes["runbook_url"]).groups()  # type: ignore[union-attr]
        headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
        assert heading in {title.lower().replace(" ", "-") for title in headings}, rule["alert"]


def test_every_alert_has_a_test_that_fires_it_and_one_that_does_not() -> None:
    """By alert and severity."""
    files = [yaml.safe_load(path.read_text()) for path in (PROMETHEUS / "tests").glob("*.yml")]
    names = {test["name"] for file in files for test in file["tests"]}
    for rule in rules():
        name = f"{rule['alert']} {rule['labels']['severity']}"
        assert {f"{name} fires", f"{name} does not fire"} <= names


def test_promtool_takes_the_files(tmp_path: Path) -> None:
    """Rules and configuration; the token's file is another machine's."""
    run("promtool", "check", "rules", *map(str, (PROMETHEUS / "rules").glob("*.yml")))
    (tmp_path / "token").write_text("t")
    text = (PROMETHEUS / "prometheus.yml").read_text()
    text = text.replace("/etc/prometheus/npanel-metrics.token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(text.replace("rules/*.yml", f"{PROMETHEUS}/rules/*.yml"))
    run("promtool", "check", "config", str(tmp_path / "prometheus.yml"))


@pytest.mark.parametrize("name", sorted({path.name for path in (PROMETHEUS / "tests").glob("*.yml")} - LONG))
def test_alerts_fire_and_stay_silent(name: str) -> None:
    """As the files in deploy/prometheus/tests say."""
    run("promtool", "test", "rules", str(PROMETHEUS / "tests" / name))


@pytest.mark.parametrize("severity", ["page", "critical", "warning"])
def test_alertmanager_routes_by_severity(severity: str) -> None:
    """To the receiver of that name, and the panel is told by each."""
    run("amtool", "check-config", str(ALERTMANAGER))
    route = ("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={severity}")
    run(*route, f"severity={severity}", "alertname=X")
    receivers = {one["name"]: one for one in yaml.safe_load(ALERTMANAGER.read_text())["receivers"]}
    assert receivers[severity]["webhook_configs"][0]["url"].endswith("/hooks/alertmanager/")
    assert ("email_configs" in receivers[severity]) is (severity != "warning")
