"""Whose sessions the node's script ends."""

import os
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from hosting.adapters import _ftp_accounts


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A program that is none of the daemon's sessions."""
    with subprocess.Popen(["/usr/bin/sleep", "60"]) as found:
        yield found
        found.kill()


@pytest.mark.parametrize(("account", "daemon", "over"), [
    ("anna_web", "", False),
    ("anna_web", "sleep", True),
    ("bert_web", "sleep", False),
])  # fmt: skip
def test_only_a_session_of_the_account_ends(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, account: str, daemon: str, over: bool
) -> None:
    """Where the daemon's list is old, another program has the number of a session that is over."""
    listed = SimpleNamespace(stdout=f"{process.pid}|{account}|9|IDLE||192.0.2.1|192.0.2.2|21|0|0|0|0\n")
    if daemon:
        monkeypatch.setattr(_ftp_accounts, "_DAEMON", os.readlink(f"/proc/{process.pid}/exe"))
    with monkeypatch.context() as told:
        told.setattr(_ftp_accounts.subprocess, "run", lambda *_given, **_options: listed)
        _ftp_accounts._end_sessions({"anna_web"})
    if over:
        assert process.wait(5) == -15
    else:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
