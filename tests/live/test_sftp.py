"""A customer signs in with a key, uploads into the site, and a visitor sees it; and what shuts that door."""

import io
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest

from tests.live.panel import Account, Panel
from tests.ssh_keys import ed25519_pair

pytestmark = pytest.mark.lab
LAPTOP = ed25519_pair("kim@laptop")
KILLED = ("runner.intended", "runner.applied", "runner.verified", "agent.after_rename", "agent.before_reply")


@pytest.fixture(scope="module")
def files(panel: Panel) -> Account:
    """A service whose owner works with files."""
    account = Account("files", "files.example.test")
    panel.create(account)
    return account


@contextmanager
def signed_in(panel: Panel, user: str) -> Iterator[paramiko.SFTPClient]:
    """SFTP with the laptop's key."""
    transport = paramiko.Transport(socket.create_connection((panel.node.address, 22), timeout=20))
    try:
        transport.start_client(timeout=20)
        transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key(io.StringIO(LAPTOP.private)))
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        yield client
    finally:
        transport.close()


def refused(panel: Panel, user: str) -> bool:
    """Whether the key opens nothing."""
    try:
        with signed_in(panel, user):
            return False
    except paramiko.SSHException:
        return True


def test_an_upload_is_seen_by_visitors_until_the_door_is_shut(panel: Panel, files: Account, tmp_path: Path) -> None:
    key = tmp_path / "id.pub"
    key.write_text(LAPTOP.public)
    assert refused(panel, "files")
    added = panel.manage("ssh_key_add", "files", str(key), "--yes").json
    assert added["state"] == "succeeded" and "files in its home" in str(added["result"])
    with signed_in(panel, "files") as client:
        with client.open(f"sites/{files.domain}/public/hello.txt", "w") as file:
            file.write("over SFTP")
        with pytest.raises(OSError):
            client.listdir("/etc")
    answer = panel.visitor.get(files.domain, "/hello.txt")
    assert (answer.status, answer.text) == (200, "over SFTP")
    assert panel.is_as_wanted("files")
    panel.manage("service_suspend", "files", "--yes")
    assert refused(panel, "files")
    panel.manage("service_resume", "files", "--yes")
    assert not refused(panel, "files")
    panel.manage("ssh_access", "files", "none", "--yes")
    assert refused(panel, "files")
    panel.manage("service_rollback", "files", "--yes")
    assert not refused(panel, "files")
    shown = panel.manage("ssh_access", "files").json
    panel.manage("ssh_key_remove", "files", shown["keys"][0]["fingerprint"], "--yes")
    assert refused(panel, "files")
    asked = subprocess.run(panel.node.ssh(["id", "-un"]), capture_output=True, text=True, timeout=30, check=False)
    assert asked.stdout == "root\n", asked.stderr


def test_a_deleted_service_leaves_the_node_as_it_was(panel: Panel, tmp_path: Path) -> None:
    def kept() -> str:
        found = panel.node.exec(["find", "/etc/npanel/ssh", "-printf", "%p %m %u %g\n"], check=True).stdout
        groups = panel.node.read("/etc/group") + panel.node.read("/etc/gshadow")
        return "\n".join(sorted((found + groups).splitlines()))

    before, key = kept(), tmp_path / "id.pub"
    key.write_text(LAPTOP.public)
    panel.create(Account("shortlived", "shortlived.example.test"))
    panel.manage("ssh_key_add", "shortlived", str(key), "--yes")
    assert not refused(panel, "shortlived")
    assert panel.delete("shortlived")["state"] == "succeeded"
    assert refused(panel, "shortlived") and kept() == before


@pytest.mark.parametrize("name", KILLED)
def test_a_death_on_the_way_is_recovered_from(panel: Panel, files: Account, tmp_path: Path, name: str) -> None:
    """The worker or the agent dies while a key comes or goes: in the end it is there, or gone, and nothing between."""
    struck, key = {"NPANEL_FAILPOINTS": "1", "NPANEL_FAILPOINT": f"{name}=kill"}, tmp_path / "id.pub"
    key.write_text(LAPTOP.public)
    for wish, opens in (("add", True), ("remove", False)):
        fingerprints = [one["fingerprint"] for one in panel.manage("ssh_access", "files").json["keys"]]
        which = str(key) if opens else fingerprints[0]
        argv = (f"ssh_key_{wish}", "files", which, "--yes", "--timeout", "0")
        unhurt = not opens and name == "agent.after_rename"  # the last key goes without a file being written
        assert (panel.manage(*argv, expect=None, environment=struck).status == 0) == unhurt
        with panel.worker():
            operation = panel.ended("files")
        assert operation["state"] == "succeeded", operation["error"]
        assert refused(panel, "files") != opens
        assert panel.is_as_wanted("files") and panel.drift() == [] and panel.left_open() == []
