"""Who a command's events name: what the environment says counts only where nobody else could have set it."""

import os
import pwd

import pytest

from accounts.actors import actor_from_terminal


@pytest.fixture(autouse=True)
def claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's name wherever a name could be put."""
    for name in ("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can be somebody else for a while")
def test_only_root_was_put_there_by_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    assert actor_from_terminal().login == "mallory"
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        assert actor_from_terminal().login == me()
    finally:
        os.seteuid(0)
    monkeypatch.delenv("SUDO_USER")
    assert actor_from_terminal().login == me(), "LOGNAME and USER are claims as well"


@pytest.mark.skipif("os.geteuid() == 0", reason="root is believed")
def test_a_plain_user_can_not_be_somebody_else() -> None:
    assert actor_from_terminal().login == me()
