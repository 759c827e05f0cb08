"""Workers and agents die at every failpoint; what is left is finished or undone, and neighbours never notice."""

import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hosting.failpoints import AGENT_PREFIX, FAILPOINTS
from hosting.operations.recovery import ATTEMPTS_AT_MOST
from tests.live.commands import ROOT
from tests.live.panel import FINAL, NODE, PAGE, Account, Panel

pytestmark = [pytest.mark.lab, pytest.mark.slow]
NAMES = [name for name, _where in FAILPOINTS]
RUNNER = [name for name in NAMES if name.startswith("runner.")]
BENCH = ROOT / "build" / "bench.json"
TABLE = ROOT / "build" / "failpoints.txt"


@dataclass
class Figures:
    """What the drills came to: for each failpoint how it ended and the seconds from the death to that end."""

    ended: dict[str, tuple[str, float]] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)

    def table(self) -> str:
        """One line a failpoint."""
        lines = ["failpoint                 ended         seconds from death to recovery"]
        for name in sorted(self.tried, key=NAMES.index):
            state, seconds = self.ended.get(name, ("UNRECOVERED", 0.0))
            lines.append(f"{name:<25} {state:<13} {seconds:7.2f}")
        lines.append(f"{len(self.tried)} killed, {len(self.tried) - len(self.ended)} unrecovered")
        return "\n".join(lines)

    def save(self) -> None:
        """Put the two figures among the other benchmarks', and the table beside them."""
        BENCH.parent.mkdir(exist_ok=True)
        TABLE.write_text(self.table() + "\n")
        known = json.loads(BENCH.read_text()) if BENCH.exists() else {}
        known |= {"failpoints.total": len(self.tried), "failpoints.unrecovered": len(self.tried) - len(self.ended)}
        draft = BENCH.with_suffix(".tmp")
        draft.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
        draft.rename(BENCH)


@pytest.fixture(scope="module")
def figures(say: Callable[[str], None]) -> Iterator[Figures]:
    """Collects; what is saved is a whole series only."""
    figures = Figures()
    yield figures
    if figures.tried == set(NAMES):
        figures.save()
    say(figures.table())


@pytest.fixture(scope="module")
def neighbour(panel: Panel) -> Account:
    """A customer on the same node who wants nothing and must notice nothing."""
    return panel.customer("neighbour")


def armed(name: str, act: str = "kill") -> dict[str, str]:
    """Environment of a process that is to be struck at a failpoint."""
    return {"NPANEL_FAILPOINTS": "1", "NPANEL_FAILPOINT": f"{name}={act}"}


def squat(panel: Panel, account: Account) -> str:
    """Have a stranger's file claim the domain, so that nginx refuses the account's site; gives the file's path."""
    path = "/etc/nginx/conf.d/squatter.conf"
    panel.node.write(path, f"server {{ listen 80; server_name {account.domain}; return 410; }}\n")
    return path


def assert_whole(panel: Panel, account: Account, operation: dict[str, Any]) -> None:
    """One outcome, nothing left open, and the node as wanted: for everybody, and for this account in particular."""
    outcomes = [event["outcome"] for event in panel.events(operation)]
    assert outcomes[0] == "requested"
    assert len(outcomes) == 2, outcomes
    assert panel.left_open() == []
    assert panel.drift() == []
    if operation["state"] == "succeeded":
        assert panel.is_as_wanted(account.username)
        assert panel.visitor.get(account.domain).status == 200
    else:
        assert panel.traces(account.username) == []
        assert panel.visitor.dig(account.domain, "SOA") == ["REFUSED"]


def die(panel: Panel, account: Account, name: str) -> None:
    """Ask for the account in a process that is struck on the way."""
    done = panel.create(account, "--timeout", "0", expect=None, environment=armed(name))
    if not name.startswith(AGENT_PREFIX):
        assert done.status == -signal.SIGKILL, str(done)
        assert panel.last(account.username)["state"] not in FINAL or name == "runner.recorded"
        return
    assert done.status == 1, str(done)
    operation = panel.last(account.username)
    assert operation["state"] == "pending"
    assert operation["error"]["code"] == "outcome_unknown"
    assert "unknown" in {entry["state"] for entry in panel.journal(operation)}


@pytest.mark.parametrize("name", NAMES)
def test_a_death_at_any_failpoint_is_recovered_from(
    name: str, panel: Panel, neighbour: Account, figures: Figures
) -> None:
    figures.tried.add(name)
    doomed = name.startswith("rollback.")
    username = f"d{NAMES.index(name):02d}"
    account = Account(username, f"{username}.killed.test")
    obstacle = squat(panel, account) if doomed else ""
    with panel.visitor.probing(neighbour.site):
        die(panel, account, name)
        dead_since = time.monotonic()
        with panel.worker():
            operation = panel.ended(username)
        seconds = time.monotonic() - dead_since
    assert operation["state"] == ("rolled_back" if doomed else "succeeded"), operation["error"]
    assert_whole(panel, account, operation)
    if doomed:
        panel.node.exec(["rm", obstacle], check=True)
        panel.manage("service_apply", username, "--yes")
        assert panel.is_as_wanted(username)
    figures.ended[name] = (operation["state"], seconds)


@pytest.mark.parametrize("name", RUNNER)
def test_a_failure_at_any_step_is_taken_back(name: str, panel: Panel, neighbour: Account) -> None:
    username = f"r{NAMES.index(name):02d}"
    account = Account(username, f"{username}.raised.test")
    with panel.visitor.probing(neighbour.site):
        done = panel.create(account, expect=None, environment=armed(name, "raise"))
    operation = panel.last(username)
    nothing_begun = name in ("runner.claimed", "runner.planned")
    proven = name == "runner.recorded"
    assert operation["state"] == ("succeeded" if proven else "failed" if nothing_begun else "rolled_back")
    assert done.status == (0 if proven else 1), str(done)
    assert_whole(panel, account, operation)


def test_a_worker_that_dies_while_it_recovers_is_recovered_from(panel: Panel, neighbour: Account) -> None:
    account = Account("twice", "twice.killed.test")
    obstacle = squat(panel, account)
    with panel.visitor.probing(neighbour.site):
        die(panel, account, "runner.stage_done")
        for name in ("activation.leading", "rollback.begin", "rollback.applied"):
            recover(panel, armed(name), expect=-signal.SIGKILL)
        with panel.worker():
            operation = panel.ended("twice")
    assert operation["state"] == "rolled_back"
    assert operation["attempts"] == 5
    assert_whole(panel, account, operation)
    panel.node.exec(["rm", obstacle], check=True)


def test_an_operation_that_kills_all_its_workers_is_given_up_and_says_how_to_go_on(
    panel: Panel, neighbour: Account
) -> None:
    account = Account("deadly", "deadly.killed.test")
    with panel.visitor.probing(neighbour.site):
        die(panel, account, "runner.applied")
        while panel.last("deadly")["attempts"] < ATTEMPTS_AT_MOST:
            recover(panel, armed("runner.activated"), expect=-signal.SIGKILL)
        recover(panel, armed("runner.activated"), expect=0)
        given_up = panel.last("deadly")
        assert given_up["state"] == "rollback_failed"
        assert given_up["error"]["code"] == "worker_died"
        assert panel.left_open() == []
        panel.manage("service_apply", "deadly", "--yes")
    assert panel.visitor.get(account.domain).status == 200
    assert panel.is_as_wanted("deadly")
    assert panel.drift() == []


def recover(panel: Panel, environment: dict[str, str], *, expect: int) -> None:
    """``manage.py worker --recover``, which finishes or undoes in its own process what the dead left."""
    panel.manage("worker", "--recover", plain=True, expect=expect, environment=environment)


def test_a_queue_process_that_dies_is_recovered_from_by_its_worker(panel: Panel, neighbour: Account) -> None:
    account = Account("queued", "queued.killed.test")
    with panel.visitor.probing(neighbour.site), panel.worker(**armed("runner.applied", "sleep:3")) as worker:
        panel.create(account, "--timeout", "0", expect=None)
        panel.wait(lambda: _applying(panel, "queued"), "changes under way")
        victim = int(panel.last("queued")["lease_owner"].split(":")[1])
        assert victim != worker.pid
        assert os.getpgid(victim) == worker.pid
        os.kill(victim, signal.SIGKILL)
        operation = panel.ended("queued")
        assert operation["state"] == "succeeded", operation["error"]
        second = Account("afterwards", "afterwards.killed.test")
        panel.create(second)  # by the queue process that took the dead one's place
    assert operation["attempts"] == 2
    assert_whole(panel, account, operation)


def _applying(panel: Panel, username: str) -> bool:
    operation = panel.last(username)
    return operation["phase"] == "applying" and bool(panel.journal(operation))


def test_a_whole_worker_that_is_killed_leaves_what_a_new_one_finishes(panel: Panel, neighbour: Account) -> None:
    account = Account("powercut", "powercut.killed.test")
    with panel.visitor.probing(neighbour.site):
        with panel.worker(**armed("runner.applied", "sleep:60")) as worker:
            panel.create(account, "--timeout", "0", expect=None)
            panel.wait(lambda: _applying(panel, "powercut"), "changes under way")
            worker.kill()
        with panel.worker():
            operation = panel.ended("powercut")
    assert operation["state"] == "succeeded"
    assert_whole(panel, account, operation)


def test_a_database_account_made_by_a_killed_process_has_its_password(panel: Panel, neighbour: Account) -> None:
    account = Account("dbkill", "dbkill.killed.test")
    panel.create(account)
    # The database is the first stage; its account is the second, and that one is struck.
    strike = armed("runner.applied", "kill@2")
    password = panel.database("dbkill", "main", expect=-signal.SIGKILL, environment=strike)
    with panel.worker():
        operation = panel.ended("dbkill")
    assert operation["kind"] == "database_add"
    assert operation["state"] == "succeeded"
    assert_whole(panel, account, operation)
    page = f"<?php echo (new mysqli('localhost', 'dbkill_main', '{password}', 'dbkill_main'))->host_info;"
    panel.upload(account.domain, "page.php", page)
    assert "UNIX socket" in panel.visitor.get(account.domain, "/page.php").text
    assert password not in panel.everything_written()


@pytest.mark.parametrize("name", RUNNER)
def test_a_mailbox_whose_process_dies_is_whole_or_nothing(name: str, panel: Panel, neighbour: Account) -> None:
    """Exim and Dovecot each know it, or neither does; mail is delivered to it and read by its password."""
    account, letter = Account(f"m{RUNNER.index(name):02d}", f"m{RUNNER.index(name):02d}.killed.test"), "Subject: hello"
    panel.create(account)
    panel.manage("mail_domain", account.domain, "--yes")
    password = secrets.token_hex(16)  # doveadm would take one that begins with a dash for an option
    argv = ("mailbox_create", f"kim@{account.domain}", "--password-stdin", "--yes")
    with panel.visitor.probing(neighbour.site):
        panel.manage(*argv, given=f"{password}\n", expect=-signal.SIGKILL, environment=armed(name))
        with panel.worker():
            operation = panel.ended(account.username)
    assert operation["kind"] == "mailbox_add"
    assert operation["state"] == "succeeded", operation["error"]
    assert_whole(panel, account, operation)
    panel.node.exec(["/usr/sbin/sendmail", "-i", f"kim@{account.domain}"], input=f"{letter}\n\nx\n", check=True)
    login = ["doveadm", "auth", "test", f"kim@{account.domain}", password]
    assert "auth succeeded" in panel.node.exec(login).stdout
    mails = ["doveadm", "search", "-u", f"kim@{account.domain}", "mailbox", "INBOX", "subject", "hello"]
    panel.wait(lambda: panel.node.exec(mails).stdout.strip(), "the mail")
    assert password not in panel.everything_written()
    struck = armed(name)
    panel.manage("mail_domain", account.domain, "--off", "--yes", expect=-signal.SIGKILL, environment=struck)
    with panel.worker():
        assert panel.ended(account.username)["state"] == "succeeded"
    places = ["find", "/etc/npanel/mail", "-name", f"*{account.domain}*"]
    assert panel.node.exec(places).stdout == ""
    assert panel.drift() == []


def test_the_drills_left_no_secret_behind(panel: Panel, neighbour: Account) -> None:
    api_key = panel.node.read("/etc/powerdns/npanel/api.key").strip()
    written = panel.everything_written()
    assert len(api_key) > 20
    assert api_key not in written
    assert "PRIVATE KEY" not in written
    assert PAGE not in written
    assert NODE in written  # what was searched is what was written


def test_the_table_of_failpoints_is_whole(figures: Figures) -> None:
    """Every name that a module strikes at is registered, and every registered one is struck at somewhere."""
    sources = [path.read_text() for path in Path(ROOT, "hosting").rglob("*.py") if path.name != "failpoints.py"]
    agent = (ROOT / "hosting/connections/agent/failpoints.py").read_text()
    for name in NAMES:
        assert any(f'failpoint("{name}")' in source for source in sources) or f'"{name}"' in agent, name
    assert len(NAMES) >= 12
