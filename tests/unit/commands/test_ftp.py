"""FTP accounts on the command line."""

from typing import Any

import pytest

from hosting.models import FtpAccount
from tests.unit.commands.conftest import Manage
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
CREATE = ("ftp_create", "alice", "web", "--folder", "sites/example.com/public")


@pytest.fixture(autouse=True)
def alice(world: World) -> Any:
    """The customer whose accounts these are."""
    return world.host("example.com", username="alice")


def lets_in(world: World) -> str:
    return world.server.ftp.lets_in("alice_web", FtpAccount.objects.get().password_hash)


def test_an_account_is_made_changed_locked_opened_and_deleted(manage: Manage, world: World) -> None:
    assert manage(*CREATE, "--password-stdin", "--yes", piped=f"{PASSWORD}\n").status == 0
    assert lets_in(world) == "/home/alice/sites/example.com/public"
    assert manage("ftp_change", "alice_web", "--folder", "", "--quota-mb", "7", "--yes").status == 0
    assert lets_in(world) == "/home/alice" and FtpAccount.objects.get().quota_mb == 7
    assert manage("ftp_change", "alice_web", "--suspend", "--yes").status == 0 and lets_in(world) == ""
    assert manage("ftp_change", "alice_web", "--resume", "--yes").status == 0 and lets_in(world) == "/home/alice"
    assert manage("ftp_delete", "alice_web", "--yes").status == 0
    assert not FtpAccount.objects.exists() and b"alice" not in world.server.content("/etc/npanel/ftp/accounts.pdb")


def test_a_made_password_is_shown_once(manage: Manage, world: World) -> None:
    ran = manage(*CREATE, "--yes")
    assert ran.status == 0 and "Password of alice_web" in ran.out
    old = FtpAccount.objects.get().password_hash
    assert "Password of alice_web" in manage("ftp_password", "alice_web", "--yes").out
    assert FtpAccount.objects.get().password_hash != old and lets_in(world)


@pytest.mark.parametrize("argv", [("ftp_change", "alice_no"), ("ftp_delete", "alice_no"), ("ftp_password", "alice_no")])
def test_what_is_not_there_is_said(manage: Manage, argv: tuple[str, ...]) -> None:
    ran = manage(*argv, "--yes", "--json")
    assert (ran.status, ran.data["error"]["code"]) == (1, "not_found")


def test_a_bad_name_leaves_nothing(manage: Manage) -> None:
    ran = manage("ftp_create", "alice", "../bob", "--yes", "--json")
    assert (ran.status, ran.data["error"]["code"]) == (1, "bad_ftp_name")
    assert not FtpAccount.objects.exists()
