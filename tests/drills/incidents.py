"""What became of an alert in the console: the incident that Alertmanager's hook made."""

import datetime
from typing import Any

from tests.drills.monitoring import Alert
from tests.live.rows import Rows

#: The headings of docs/runbook/incident-template.md as the console fills them in.
PARTS = ("## Summary", "## Impact", "## Timeline", "## Root cause", "## Actions")
#: An alert may have begun to wait, in Prometheus, a scrape before the fault was complete.
_EARLY = datetime.timedelta(seconds=30)


def of(rows: Rows, alert: Alert, since: datetime.datetime) -> dict[str, Any]:
    """The newest incident of an alert that is not older than the fault; empty when there is none."""
    found = rows(
        "SELECT alert, severity, state, summary, runbook, report, started_at, ended_at FROM observability_incident"
        " WHERE alert = %s AND COALESCE(ended_at, started_at) >= %s ORDER BY id DESC LIMIT 1",
        alert.name, since - _EARLY,
    )  # fmt: skip
    return found[0] if found else {}


def ended(rows: Rows, alert: Alert, since: datetime.datetime) -> bool:
    """Whether it is there, and over."""
    return of(rows, alert, since).get("state") == "resolved"


def check(incident: dict[str, Any], alert: Alert) -> None:
    """It is what those on call need.

    Raises:
        AssertionError: it leads to no page, or has not the template's parts, or not what led to the alert.
    """
    page = alert.runbook.partition("/docs/runbook/")[2].partition(".md")[0]
    assert page and incident["runbook"] == page, f"the incident leads to {incident['runbook']!r}, the alert to {page!r}"
    report: str = incident["report"]
    places = [report.find(part) for part in PARTS]
    assert -1 not in places and places == sorted(places), f"the template's parts are not there: {report[:500]}"
    timeline = report[report.index("## Timeline") : report.index("## Root cause")]
    lines = [line for line in timeline.splitlines() if line.startswith("- ")]
    assert len(lines) > 1, f"the timeline does not say what led to the alert: {timeline}"
    assert f"alert {alert.name} ({alert.severity})" in lines[-1], f"the timeline lacks the alert: {timeline}"
    assert incident["summary"] and incident["ended_at"] >= incident["started_at"]
