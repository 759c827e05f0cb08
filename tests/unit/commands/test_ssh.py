"""The commands for SFTP and SSH."""

from pathlib import Path

import pytest

from hosting.models import SshKey
from tests.ssh_keys import ed25519_pair
from tests.unit.commands.conftest import Manage
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
LAPTOP = ed25519_pair("kim@laptop")


@pytest.fixture(autouse=True)
def alice(world: World) -> None:
    """The customer whose keys these are."""
    world.host("example.com", username="alice")


def test_a_key_comes_is_shown_and_goes(manage: Manage, world: World, tmp_path: Path) -> None:
    file = tmp_path / "id.pub"
    file.write_text(f"{LAPTOP.public}\n")
    assert manage("ssh_key_add", "alice", str(file), "--name", "Laptop", "--yes").status == 0
    assert world.server.ssh.admits("alice", LAPTOP.blob) == "sftp"
    key = SshKey.objects.get()
    shown = manage("ssh_access", "alice", "--json").data
    assert shown == {
        "service": "alice",
        "mode": "sftp",
        "keys": [{"fingerprint": key.fingerprint, "type": "ssh-ed25519", "name": "Laptop"}],
    }
    assert f"{key.fingerprint} ssh-ed25519 Laptop" in manage("ssh_access", "alice").out
    assert manage("ssh_access", "alice", "none", "--yes").status == 0
    assert not world.server.ssh.admits("alice", LAPTOP.blob)
    assert manage("ssh_key_remove", "alice", key.fingerprint, "--yes").status == 0 and not SshKey.objects.exists()


def test_from_standard_input_and_only_planned(manage: Manage, world: World) -> None:
    ran = manage("ssh_key_add", "alice", "-", "--plan-only", "--json", piped=LAPTOP.public)
    world.work()
    assert ran.status == 2 and not SshKey.objects.exists() and not world.server.ssh.admits("alice", LAPTOP.blob)


@pytest.mark.parametrize(
    ("arguments", "piped", "code"),
    [
        (("ssh_key_add", "alice", "/nonexistent"), "", "not_found"),
        (("ssh_key_add", "alice", "-"), LAPTOP.private, "private_ssh_key"),
        (("ssh_key_add", "alice", "-"), "", "bad_ssh_key"),
        (("ssh_key_remove", "alice", "SHA256:none"), "", "not_found"),
        (("ssh_access", "alice", "shell"), "", "ssh_not_sold"),
    ],
)
def test_refusals(manage: Manage, arguments: tuple[str, ...], piped: str, code: str) -> None:
    before = snapshot()
    ran = manage(*arguments, "--yes", "--json", piped=piped)
    assert (ran.status, ran.data["error"]["code"]) == (1, code) and snapshot() == before
