"""Secrets are planted, the story is told, and then they are looked for everywhere they must not be."""

import contextlib
import os
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.live.front import Doors, panel_behind, variables
from tests.live.panel import NODE, Account, Panel
from tests.live.planting import RECEIVED, SESSION, Planting

pytestmark = pytest.mark.lab


class Onlooker:
    """Reads the arguments and environments of all processes of this machine, those of its nodes included, in a loop."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.rounds = 0
        self._stopping = threading.Event()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look for the time of the block."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self.rounds += 1
            self._stopping.wait(0.02)
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    self._look(Path("/proc", entry))

    def _look(self, process: Path) -> None:
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                self.seen.update((process / name).read_bytes().split(b"\0"))

    def saw(self, secret: str) -> list[bytes]:
        """The arguments and variables that held a piece of text."""
        return [word for word in self.seen if secret.encode() in word]


def behind_nginx(panel: Panel) -> contextlib.AbstractContextManager[Doors]:
    """The panel as people reach it; nginx' logs are searched as well."""
    return panel_behind(variables(panel.folder), panel.folder, panel.environment)


def node_key(panel: Panel) -> str:
    """A line from the middle of the private key that NPanel signs in to the node with."""
    text = panel.manage("shell", "--command", _OPEN_KEY.replace("@NODE@", NODE), plain=True).out
    return [line for line in text.splitlines() if line and "-----" not in line][2]


_OPEN_KEY = """
from hosting.models import Node
from hosting.operations.nodes import ssh_context
from hosting.sealing import unseal
node = Node.objects.get(name="@NODE@")
print(unseal(node.private_key_sealed, ssh_context(node)))
"""


#: What the story runs on the node, each several times or for a while: a busy machine's onlooker misses some of it.
COMMANDS_ON_THE_NODE = ("/usr/bin/flock", "/usr/sbin/useradd", "/usr/sbin/userdel", "mariadb-dump", "/usr/sbin/usermod")


@pytest.fixture(scope="module")
def planted(panel: Panel) -> Iterator[dict[str, str]]:
    """The whole story, told with known secrets while an onlooker looks; gives the secrets by name."""
    onlooker, account = Onlooker(), Account("vault", "vault.test")
    secret = {
        "powerdns api key": panel.node.read("/etc/powerdns/npanel/api.key").strip(),
        "node key": node_key(panel),
        "queue key": (panel.folder / "keys" / "queue.key").read_text().strip(),
        "web secret": (panel.folder / "keys" / "web.secret").read_text().strip(),
        "typed password": secrets.token_urlsafe(24),
    }
    canary = f"canary-{secrets.token_hex(8)}"
    with onlooker.watching(), panel.cold(), panel.worker(NPANEL_CANARY=canary), behind_nginx(panel) as doors:
        planting = Planting(panel, doors, secret)
        operator = planting.operator()
        with planting.program(operator):
            panel.create(account)
        planting.customer(f"Customer {account.username}")
        planting.impersonation(operator)
        secret["database password"] = panel.database("vault", "main")
        panel.manage("service_suspend", "vault", "--yes")
        panel.manage("service_resume", "vault", "--yes")
        fields = {"name": "typed", "password": secret["typed password"], "host": "localhost"}
        service = panel.rows("SELECT id FROM hosting_hostingservice WHERE username = 'vault'")[0]["id"]
        operator.post(f"/admin/hosting/hostingservice/{service}/add-database-user/", **fields)
        panel.wait(lambda: panel.last("vault")["state"] == "planned", "the plan")
        typed = panel.last("vault")
        panel.manage("operation_approve", typed["id"], typed["plan_digest"])
        planting.deletion("vault")
        panel.manage("service_rollback", "vault", "--yes")
        metrics = requests.get(f"http://127.0.0.1:{doors.front.probes}/metrics", timeout=60)
        (panel.folder / "log" / "metrics.txt").write_text(metrics.text)
    assert metrics.ok
    for landmarks in ([canary], ["service_create"], COMMANDS_ON_THE_NODE):
        assert any(map(onlooker.saw, landmarks)), f"the onlooker does not see what is there: {landmarks}"
    shown = {name: onlooker.saw(value) for name, value in secret.items()}
    assert not any(shown.values()), shown
    yield secret


def test_no_secret_was_in_arguments_or_environments(planted: dict[str, str]) -> None:
    """The fixture has looked; this says that there was something to look for."""
    assert len(set(planted.values())) == len(planted) == 19
    assert all(len(value) >= (8 if "recovery" in name else 16) for name, value in planted.items())


def stands_in(text: str, secret: str) -> bool:
    """Whether a secret is somewhere in a text; eight digits in the midst of other digits are none."""
    alone = rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])" if secret.isdigit() else re.escape(secret)
    return re.search(alone, text) is not None


def test_no_secret_is_in_database_logs_metrics_or_the_nodes_journal(panel: Panel, planted: dict[str, str]) -> None:
    written = panel.everything_written()
    landmarks = ("npanel_operations", "vault_main", "audit_event", "npanel-agent", "django_http_requests", RECEIVED)
    for landmark in landmarks:
        assert landmark in written, f"nothing was searched: {landmark}"
    found = {name for name, value in planted.items() if stands_in(written, value)}
    assert found == {SESSION}, "a session's key is in the table of sessions, and nowhere else: see below"


def test_a_session_is_known_to_its_own_tables_only(panel: Panel, planted: dict[str, str]) -> None:
    key = planted[SESSION]
    tables = {line.split(" ", 1)[0] for line in panel.rows.everything().splitlines() if key in line}
    assert tables == {"django_session", "usersessions_usersession"}
    assert all(key not in path.read_text() for path in (panel.folder / "log").iterdir())
    assert key not in panel.node_journal()


def test_password_hashes_are_sealed_where_they_are_not_facts(panel: Panel, planted: dict[str, str]) -> None:
    """The hash is a fact of the account; plans, journals, logs and audit events have its fingerprint only."""
    (user,) = panel.rows("SELECT password_hash FROM hosting_databaseuser WHERE name = 'vault_main'")
    hashed = user["password_hash"]
    assert hashed.startswith("*")
    for table in ("hosting_operation", "hosting_journalentry", "hosting_driftitem", "audit_event", "django_q_ormq"):
        assert hashed not in str(panel.rows(f"SELECT * FROM {table}")), table  # noqa: S608
    assert hashed not in panel.node_journal()
    assert all(hashed not in path.read_text() for path in (panel.folder / "log").iterdir())


def test_what_has_secrets_is_readable_by_its_owner_only(panel: Panel, planted: dict[str, str]) -> None:
    for path in (panel.folder / "keys").iterdir():
        public = path.suffix == ".pub"
        assert public or path.stat().st_mode & 0o077 == 0, path
    listing = panel.node.exec(["find", "/etc/powerdns/npanel", "-type", "f", "-perm", "/o+r"]).stdout.split()
    for file in listing:
        assert planted["powerdns api key"] not in panel.node.read(file), file
