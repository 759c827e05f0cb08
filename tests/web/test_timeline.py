"""The timeline of a trace: one story, told in the console, in the portal and on the terminal."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.choices import Outcome
from audit.record import Target, record
from hosting.choices import EntryState, OperationState
from hosting.models import JournalEntry, Operation
from hosting.state import Change, DocumentRoot
from hosting.story import chapters, story
from hosting.verbs import FILE_QUARANTINE
from observability.context import bind_trace
from tests import people
from tests.web import rows
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = pytest.mark.django_db

TRACE, CORRELATION = "4bf92f3577b34da6a3ce929d0e0e4736", "move-of-anna-2026"


@pytest.fixture
def anna() -> Account:
    """Whose service the story is about."""
    return account()


@pytest.fixture
def failed(anna: Account, settings: Any, tmp_path: Path) -> Operation:
    """An operation that failed on a command, with an audit event and log lines, and a stranger's in the same trace."""
    began = timezone.now() - timedelta(seconds=30)
    operation = rows.operation(anna.service, trace_id=TRACE)
    Operation.objects.filter(pk=operation.pk).update(
        correlation_id=CORRELATION, state=OperationState.FAILED, created_at=began, started_at=began,
        finished_at=began + timedelta(seconds=9), attempts=2, actor_login="admin@panel.test",
        error={"code": "nginx", "detail": "nginx refused it", "hint": ""},
        commands=[
            {"at": (began + timedelta(seconds=3)).isoformat(), "argv": ["nginx", "-t"], "user": "root", "exit": 1,
             "seconds": 0.25, "stderr": "unexpected }"},
        ],
    )  # fmt: skip
    other = account("berta", "berta.example")
    rows.operation(other.service, trace_id=TRACE)
    actor = people.operator()
    with bind_trace(trace_id=TRACE, correlation_id=CORRELATION):
        with_ip = type(actor)(**{**{f: getattr(actor, f) for f in actor.__dataclass_fields__}, "ip": "203.0.113.77"})
        record(
            verb=FILE_QUARANTINE, actor=with_ip, outcome=Outcome.SUCCEEDED, node="web-inner",
            target=Target("service", str(anna.service.pk), "anna"),
        )  # fmt: skip
    settings.NPANEL_LOG_DIR, settings.NPANEL_LOG_FILE = tmp_path, ""
    stamp = {"trace_id": TRACE, "service": "npanel-admin", "timestamp": began.isoformat()}
    lines = [
        {
            **stamp,
            "level": "info",
            "operation": "http_request",
            "message": "POST /admin/x/ 302",
            "duration_ms": 12.5,
            "context": {"ip": "203.0.113.99"},
        },
        {**stamp, "level": "info", "operation": "operation_plan", "message": "a quiet line"},
        {**stamp, "level": "info", "operation": "operation_apply", "message": "attempt 2 begins", "status": "retrying"},
        {**stamp, "level": "warning", "operation": "node_connect", "message": "a loud line", "status": "retrying"},
    ]
    (tmp_path / "admin.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Operation.objects.get(pk=operation.pk)


def told(wanted: str, query: str = "") -> str:
    """The console's page, as text."""
    client = Client()
    client.force_login(people.admin())
    return words(client.get(f"/admin/timeline/{wanted}/{query}"))


def test_the_console_tells_it_all(failed: Operation) -> None:
    """Request, audit event with address, command with exit status and time, result with retries, loud lines."""
    text = told(TRACE)
    for part in ("POST /admin/x/ 302", "203.0.113.99", "203.0.113.77", "attempt 2 begins",
                 "nginx -t", "exit 1", "unexpected }", "attempt 2",
                 "nginx refused it", "a loud line", "admin.log", "berta"):  # fmt: skip
        assert part in text, part
    assert "a quiet line" not in text and "a quiet line" in told(TRACE, "?lines=all")
    assert text.index("POST /admin/x/ 302") < text.index("nginx -t") < text.index("nginx refused it")


def test_programs_get_the_same_as_json(failed: Operation) -> None:
    """One click from the story: every moment with what it is told from."""
    url = reverse("admin:timeline", args=(failed.trace_id,))
    page = signed_in(people.admin()).get(url)
    assert 'href="?as=json"' in page.content.decode()
    told = signed_in(people.admin()).get(url + "?as=json").json()
    (command,) = [moment for moment in told["moments"] if moment["what"] == "nginx -t"]
    assert (told["id"], command["exit"], command["failed"]) == (failed.trace_id, 1, True)
    assert f"operation:{failed.pk}" in {moment["about"] for moment in told["moments"]}
    assert signed_in(people.stranger()).get(url + "?as=json").status_code in (302, 403)


def test_a_status_that_was_asked_for_is_no_failure(failed: Operation) -> None:
    """An operation that succeeded has commands that ended with another status than 0, and none that failed."""
    Operation.objects.filter(pk=failed.pk).update(state="succeeded", error=None)
    told = signed_in(people.admin()).get(reverse("admin:timeline", args=(failed.trace_id,)) + "?as=json").json()
    (command,) = [moment for moment in told["moments"] if moment["what"] == "nginx -t"]
    assert (command["exit"], command["failed"]) == (1, False)


def test_a_correlation_id_does_as_well(failed: Operation) -> None:
    """Only what carries it."""
    text = told(CORRELATION)
    assert "nginx -t" in text and "203.0.113.77" in text and "berta" not in text


def test_unknown_and_impossible_ids() -> None:
    """Nothing known is said as that; what can be no id is no page."""
    assert "Nothing is known under this id." in told("b" * 32)
    client = Client()
    client.force_login(people.admin())
    assert client.get("/admin/timeline/a%20b/").status_code == 404


def test_the_search_leads_there(failed: Operation) -> None:
    """By a whole trace id under which something is known."""
    client = Client()
    client.force_login(people.admin())
    page = client.get("/admin/search/", {"q": f"trace:{TRACE}"}).content.decode()
    assert f'href="/admin/timeline/{TRACE}/"' in page
    assert "/admin/timeline/" not in client.get("/admin/search/", {"q": "trace:" + "b" * 32}).content.decode()


def test_what_was_taken_back_is_a_chapter_of_its_own(failed: Operation) -> None:
    """Backward entries, and the commands that ran since the first of them."""
    JournalEntry.objects.filter(operation=failed).delete()
    root = DocumentRoot(owner="anna", path="sites/anna.example/public")
    change = Change(root.kind, root.key, None, root).to_json(str)
    for seq, (backward, after) in enumerate(((False, 1), (True, 2)), start=1):
        entry = JournalEntry.objects.create(
            operation=failed, seq=seq, backward=backward, kind="document_root", key="anna.example", change=change,
            state=EntryState.APPLIED, finished_at=failed.created_at + timedelta(seconds=after + 0.5),
        )  # fmt: skip
        JournalEntry.objects.filter(pk=entry.pk).update(started_at=failed.created_at + timedelta(seconds=after))
    moments = story(people.operator(), CORRELATION).moments
    names = [part.name for part in chapters(moments)]
    assert names.index("apply") < names.index("rollback")
    assert {moment.chapter for moment in moments if moment.sort == "command"} == {"rollback"}
    assert all(moment.diff for moment in moments if moment.sort == "change")


def test_queries_do_not_grow(failed: Operation, anna: Account) -> None:
    """Ten operations more cost no query more."""

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            story(people.operator(), TRACE)
        return len(caught)

    people.operator()
    before = count()
    for _number in range(10):
        rows.operation(anna.service, trace_id=TRACE)
    assert count() == before


@pytest.mark.usefixtures("customer_interface")
def test_customers_get_their_own(failed: Operation, anna: Account) -> None:
    """Their operations and events; no command, node, address, log line, server's word or other customer."""
    page = signed_in(anna.person()).get(reverse("portal:operation_timeline", args=(failed.pk,)))
    raw = page.content.decode()
    assert page.status_code == 200 and TRACE in raw and "Failed" in raw
    assert failed.node is not None
    for hidden in ("nginx", "203.0.113.77", "web-inner", "unexpected", "loud line", "POST", "berta", failed.node.name):
        assert hidden not in raw, hidden


@pytest.mark.usefixtures("customer_interface")
def test_a_stranger_finds_nothing(failed: Operation) -> None:
    """Not even with the operation's id."""
    stranger = account("carla", "carla.example")
    url = reverse("portal:operation_timeline", args=(failed.pk,))
    assert signed_in(stranger.person()).get(url).status_code == 404


def test_the_terminal_tells_the_same(failed: Operation, capsys: pytest.CaptureFixture[str]) -> None:
    """As text and as JSON."""
    call_command("logs", "--trace", TRACE)
    text = capsys.readouterr().out
    assert "nginx -t" in text and "exit 1" in text and "a loud line" in text
    call_command("logs", "--correlation", CORRELATION, "--json")
    document = json.loads(capsys.readouterr().out)
    assert [m["exit"] for m in document["moments"] if m["sort"] == "command"] == [1] and document["failures"] == 2


def test_the_terminal_says_what_it_searched(failed: Operation, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 where nothing is known."""
    with pytest.raises(SystemExit) as ended:
        call_command("logs", "--trace", "b" * 32)
    assert ended.value.code == 1
    assert "audit events, operations, log files (admin.log)" in capsys.readouterr().err
