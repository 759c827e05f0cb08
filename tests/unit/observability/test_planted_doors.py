"""Each kind of secret, planted at each door and in each way to fail: it is nowhere in what NPanel wrote."""

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from django_q.models import Task
from django_q.monitor import save_task

from audit import spool
from audit.choices import Outcome
from audit.record import Target, record_outcome
from hosting import tasks
from hosting.choices import OperationState
from hosting.errors import ConfigurationInvalid, HostingError
from hosting.models import HostingService, Operation
from hosting.operations.dispatcher import TASK
from hosting.operations.queue_guard import GuardedBroker
from hosting.texts import Text
from hosting.verbs import FILE_QUARANTINE
from tests import people, written
from tests.unit.api.caller import Caller
from tests.unit.audit.refusal import events_refused, rows_refused
from tests.unit.commands.conftest import Manage, manage
from tests.unit.observability import breaking
from tests.unit.observability.test_planted import SECRETS
from tests.unit.operations import conftest as toys
from tests.unit.operations.conftest import ToyWorld
from tests.unit.operations.toy import NOTES
from tests.unit.services.world import World

__all__ = ["manage", "toy"]
pytestmark = pytest.mark.django_db
toy = pytest.fixture(toys.world.__wrapped__, name="toy")  # type: ignore[attr-defined]
Lines = Callable[[], list[dict[str, Any]]]
PLAIN = [secret for secret, _text in SECRETS.values()]
TEXTS = [text for _secret, text in SECRETS.values()]


class Written:
    """Where the test's panel writes, and what was answered."""

    def __init__(self, folder: Path, lines: Lines) -> None:
        self.folder, self.lines = folder, lines
        self.answers: list[str] = []

    def told(self, answer: Any) -> Any:
        """Keep an answer's body, so that it is searched as well."""
        self.answers.append(answer.content.decode())
        return answer

    def leaks(self) -> set[str]:
        """Where a secret stands now."""
        lines = [(f"line {line['operation']}", str(line)) for line in self.lines()]
        answers = [(f"answer {number}", text) for number, text in enumerate(self.answers)]
        return written.leaks(PLAIN, written.rows(), written.files(self.folder), lines, answers)


@pytest.fixture
def out(settings: Any, tmp_path: Path, log_lines: Lines) -> Written:
    """A spool and log files of the test's own; logging at DEBUG."""
    settings.NPANEL_AUDIT_SPOOL_DIR = tmp_path / "spool"
    (tmp_path / "spool").mkdir()
    return Written(tmp_path, log_lines)


def test_the_consoles_forms(out: Written, world: World) -> None:
    """As reason, as unknown field, in a form that is refused, in the address, the query and headers."""
    service, client = world.host("example.com", username="alice"), Client(raise_request_exception=False)
    client.force_login(people.admin())
    people.prove(client)
    for secret, text in SECRETS.values():
        HostingService.objects.update(state="active")
        url = reverse("admin:hosting_hostingservice_suspend", args=(service.pk,))
        client.post(url, {"reason": text, "surplus": text, "password": secret})
        world.work()
        out.told(client.get(f"/admin/no-such/{secret if secret.startswith('np') else ''}/", {"token": secret}))
        fine = {"password": "short", "name": "!", "host": text, "second": secret}
        client.post(reverse("admin:hosting_hostingservice_add-database-user", args=(service.pk,)), fine)
        headers = {"Authorization": f"Bearer {secret}", "User-Agent": text.replace("\n", " "), "X-Api-Key": secret}
        client.get("/admin/", headers={**headers, "X-Trace-Id": secret, "traceparent": secret, "Referer": secret})
        client.get("/admin/", headers={"X-Correlation-Id": text, "X-Request-Id": secret})
    assert Operation.objects.filter(kind="service_suspend").count() > 1
    assert out.leaks() == set()


@pytest.mark.usefixtures("customer_interface")
def test_the_portals_forms(out: Written, world: World) -> None:
    """As a database's password, and where only the sign-in form takes it."""
    service = world.host("example.com", username="alice")
    client = Client(raise_request_exception=False)
    for secret, text in SECRETS.values():
        client.post("/portal/account/login/", {"login": "someone@x.test", "password": secret, "next": text})
    client.force_login(people.member(service.customer))
    people.prove(client)
    for number, (secret, text) in enumerate(SECRETS.values()):
        long = f"{secret} is a long password"
        wish = {"service": service.pk, "name": f"u{number}", "password": long, "user_password": long, "new": text}
        client.post(reverse("portal:database_user_add"), wish)
        client.post(reverse("portal:database_add"), wish)
        client.get(reverse("portal:databases"), {"q": "x", "password": secret})
        world.work()
    assert Operation.objects.filter(kind__contains="database").exists()
    assert out.leaks() == set()


def test_the_api(out: Written, world: World) -> None:
    """In the body (known and unknown fields, no JSON at all), in the query, in headers."""
    service, caller = world.host("example.com", username="alice"), Caller(people.admin())
    for number, (secret, text) in enumerate(SECRETS.values()):
        long = f"{secret} is a long password"
        wish = {"service": service.pk, "name": f"u{number}", "password": long, "surplus": text}
        caller.post("database-users", wish)
        caller.post("database-users", {"service": service.pk, "name": f"v{number}", "password": long})
        caller.post(f"services/{service.pk}/suspend", {"reason": text})
        caller.ask("POST", "services", f"{{{text}")
        caller.get(f"services?token={secret}&password={secret}")
        caller.get("me", **{"X-Api-Key": secret, "Cookie": f"sessionid={secret}"})
        caller.get("me", **{"X-Correlation-Id": secret if secret.startswith("np") else text})
        Caller(people.admin()).client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
        world.work()
    assert Operation.objects.count() > 2
    assert out.leaks() == set()


def test_commands(out: Written, world: World, manage: Manage) -> None:
    """As reason, as standard input, as arguments that are refused."""
    world.host("example.com", username="alice")
    for number, (secret, text) in enumerate(SECRETS.values()):
        HostingService.objects.update(state="active")
        assert manage("service_suspend", "alice", "--yes", "--reason", text).status in (0, 1)
        given = ("database_create", "alice", f"d{number}", "--password-stdin", "--yes")
        manage(*given, piped=f"{secret} is a long password\n")
        manage("service_plan", text, "--json")
        with pytest.raises(CommandError):
            manage("service_plan", "alice", "--token", secret)
    assert out.leaks() == set()


def test_failed_operations(out: Written, toy: ToyWorld) -> None:
    """In a daemon's own words, in a bug's, and as the agent's refusal: row, journal, commands, audit, lines."""
    for number, (_secret, text) in enumerate(SECRETS.values()):
        own = ConfigurationInvalid(Text(text), path=f"{NOTES}/alice.n{number}")
        for error in (own, RuntimeError(text), HostingError(Text(text), hint=Text(text), code="command_failed")):
            wish = f"{number} {type(error).__name__}"
            toy.adapter.refusals[wish] = error
            toy.want("alice", **{f"n{number}": wish})
            assert toy.run(toy.ask("alice")).state == OperationState.ROLLED_BACK
    assert out.leaks() == set()


@pytest.mark.django_db(transaction=True)
def test_the_queue(out: Written, toy: ToyWorld) -> None:
    """As a task's argument, as a payload that nobody signed, and in the failure that django-q keeps."""
    for number, (secret, text) in enumerate(SECRETS.values()):
        assert not GuardedBroker()._accepts(0, text)
        for argument in (secret, str(toy.ask(f"u{number}").pk)):
            try:
                with rows_refused("hosting_operation", "OLD.state = 'running'", verb="UPDATE", words=text):
                    tasks.execute(argument)
            except Exception as error:  # noqa: BLE001 - what django-q's worker does
                _kept_by_the_queue(f"{error} : {traceback.format_exc()}")
    assert Task.objects.count() == 2 * len(SECRETS)
    assert out.leaks() == set()


def _kept_by_the_queue(result: str) -> None:
    now = timezone.now()
    task = {"id": uuid4().hex, "name": "x", "func": TASK, "args": (str(uuid4()),), "kwargs": {}, "sync": True}
    save_task({**task, "started": now, "stopped": now, "success": False, "result": result}, GuardedBroker())


@pytest.mark.django_db(transaction=True)
def test_the_spool(out: Written) -> None:
    """An event that the database refuses is written down, without them, and the replay brings none back."""
    with events_refused():
        for text in TEXTS:
            record_outcome(
                verb=FILE_QUARANTINE, actor=people.operator(), target=Target("service", "1", text[:200]),
                outcome=Outcome.FAILED, reason=text, before={"x": text}, after={"y": [text]},
            )  # fmt: skip
    assert spool.waiting() == len(TEXTS)
    assert out.leaks() == set()
    assert spool.replay().inserted == len(TEXTS)
    assert out.leaks() == set()


@pytest.mark.parametrize("debug", [True, False])
def test_a_request_that_breaks(out: Written, debug: bool) -> None:
    """In the exception's words and causes: the page, the line with its traceback, the metrics."""
    client = Client(raise_request_exception=False)
    client.force_login(people.admin())
    with override_settings(DEBUG=debug, ROOT_URLCONF=breaking.__name__):
        for text in TEXTS:
            breaking.words = text
            assert out.told(client.get("/admin/breaks/")).status_code == 500
    out.told(client.get("/metrics"))
    assert re.search(r"django_http_exceptions_total_by_type", out.answers[-1])
    assert out.leaks() == set()


def test_the_search_is_not_blind(out: Written) -> None:
    """It finds what is there: in a column, in what the queue has packed, in a file, in a line."""
    kept, packed = "hunter2-Zebra", SECRETS["dsn"][0]
    people.admin().__class__.objects.update(name=kept)
    _kept_by_the_queue(packed)
    (out.folder / "x.log").write_text(SECRETS["cookie"][0])
    found = {leak.partition(":")[0] for leak in out.leaks()}
    assert found == {"accounts_user.name", "django_q_task.result", "x.log"}
