"""One trace id leads from the answer in a browser to what was done on the node, through every record on the way."""

from typing import Any

import pytest

from tests.live.panel import NODE, PLAN, Account, Panel
from tests.live.web import Operator, sign_in, web

pytestmark = pytest.mark.lab

ADD = "/admin/hosting/hostingservice/add/"


def ask(panel: Panel, operator: Operator, account: Account) -> tuple[str, dict[str, Any]]:
    """Have the console plan a service; gives the answer's trace id and the planned operation."""
    (plan,) = panel.rows("SELECT id FROM hosting_hostingplan WHERE name = %s", PLAN)
    (node,) = panel.rows("SELECT id FROM hosting_node WHERE name = %s", NODE)
    operator.post("/admin/accounts/customer/add/", name="Trace Ltd")
    wish = {"customer": "Trace Ltd", "plan": plan["id"], "node": node["id"], "domain": account.domain}
    page = operator.post(ADD, **wish, username=account.username)
    answer = page.history[0] if page.history else page
    assert answer.status_code == 302, page.text
    trace = answer.headers["X-Trace-Id"]
    panel.wait(lambda: panel.last(account.username)["state"] == "planned", "the plan")
    return trace, panel.last(account.username)


def approve(panel: Panel, operator: Operator, operation: dict[str, Any]) -> dict[str, Any]:
    """Press the button under the plan; gives the operation at its end."""
    path = f"/admin/hosting/operation/{operation['id']}/"
    page = operator.get(path)
    assert operation["plan_digest"] in page.text
    operator.post(f"{path}approve/", form=path, digest=operation["plan_digest"])
    return panel.ended(operation["target_label"])


def test_one_trace_id_is_in_every_record_of_a_request(panel: Panel) -> None:
    account = Account("traced", "traced.test")
    with panel.worker(), web(panel) as url:
        operator = sign_in(panel, url)
        trace, planned = ask(panel, operator, account)
        assert panel.visitor.get(account.domain).status == 0  # a plan changes nothing
        operation = approve(panel, operator, planned)
        page = operator.get(f"/admin/hosting/operation/{operation['id']}/").text
    assert operation["state"] == "succeeded", operation["error"]
    assert panel.visitor.get(account.domain).status == 200

    assert len(trace) == 32
    assert operation["trace_id"] == trace
    assert trace in page
    assert [entry["state"] for entry in panel.journal(operation)] == ["applied"] * 5
    assert operation["commands"]
    assert_logged(panel, trace, operation["id"])
    assert_audited(panel, trace, operation)
    assert_known_on_the_node(panel, trace, operation)


def assert_logged(panel: Panel, trace: str, operation: str) -> None:
    """The request's line of the web process and the operation's line of the worker carry the id."""
    web_lines = [line for line in panel.logs("web.log") if line["trace_id"] == trace]
    assert any(line["operation"] == "http_request" and line["context"]["path"] == ADD for line in web_lines), web_lines
    worker_lines = [line for line in panel.logs("worker.log") if line["trace_id"] == trace]
    done = [line for line in worker_lines if line["message"] == "operation succeeded"]
    assert [line["context"]["operation_id"] for line in done] == [operation], worker_lines
    assert {line["service"] for line in web_lines} == {"npanel-admin"}
    assert {line["service"] for line in worker_lines} == {"npanel-worker"}


def assert_audited(panel: Panel, trace: str, operation: dict[str, Any]) -> None:
    """The wish and its outcome are audit events with the id, and with who it was."""
    events = [event for event in panel.events(operation) if event["verb"] == "operation.service_create"]
    assert [event["outcome"] for event in events] == ["requested", "succeeded"]
    assert {event["trace_id"] for event in events} == {trace}
    assert {event["actor_interface"] for event in events} == {"admin"}
    assert events[0]["actor_ip"] == "127.0.0.1"
    assert events[0]["actor_login"].endswith("@panel.test")


def assert_known_on_the_node(panel: Panel, trace: str, operation: dict[str, Any]) -> None:
    """The node's own journal has each command that ran there for the request, and nobody else's."""
    entries = panel.node_journal(f"NPANEL_TRACE_ID={trace}").strip().split("\n\n")
    fields = [dict(line.split("=", 1) for line in entry.splitlines() if "=" in line) for entry in entries]
    assert {field["SYSLOG_IDENTIFIER"] for field in fields} == {"npanel-agent"}
    assert {field["NPANEL_OPERATION_ID"] for field in fields} == {operation["id"]}
    done = "\n".join(field["NPANEL_ARGV"] for field in fields)
    assert "useradd" in done
    assert f"/etc/nginx/npanel/sites/traced.{operation['target_label']}.test.conf" in done
