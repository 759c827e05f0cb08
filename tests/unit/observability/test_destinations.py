"""Where a process's lines go: servers to standard error and to a file of their own, commands to theirs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from npanel import env

_SAY = (
    "import json; from npanel import env; from observability.logging import configure, get_logger\n"
    "configure(level='INFO', **env.log_lines({interface!r}))\n"
    "get_logger('python_log').info('hello', password='hunter2-Zebra')\n"
)
ROOT = Path(__file__).parents[3]


def said(var: Path, interface: str, script: str = _SAY, **variables: str) -> str:
    """What a process of this interface leaves on standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NPANEL_")}
    argv = [sys.executable, "-c", script.format(interface=interface)]
    environment = {**kept, "NPANEL_VAR_DIR": str(var), **variables}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(("interface", "name"), [("admin", "admin"), ("customer", "portal"), ("worker", "worker")])
def test_a_server_writes_to_both(tmp_path: Path, interface: str, name: str) -> None:
    """The same line, so that the timeline has its requests and the journal loses nothing."""
    told = said(tmp_path, interface)
    line = json.loads(told)
    assert (line["message"], line["service"]) == ("hello", f"npanel-{name}")
    assert (tmp_path / "log" / f"{name}.log").read_text() == told


def test_a_command_writes_to_its_file_only(tmp_path: Path) -> None:
    """Its standard error is for people."""
    assert said(tmp_path, "command") == ""
    assert "hello" in (tmp_path / "log" / "command.log").read_text()


def test_what_is_named_wins(tmp_path: Path) -> None:
    """A file takes it all; a dash is standard error alone; the folder can be elsewhere."""
    assert said(tmp_path, "admin", NPANEL_LOG_FILE=str(tmp_path / "x" / "y.log")) == ""
    assert "hello" in (tmp_path / "x" / "y.log").read_text()
    assert "hello" in said(tmp_path, "worker", NPANEL_LOG_FILE="-")
    assert said(tmp_path, "worker", NPANEL_LOG_DIR=str(tmp_path / "z")) == (tmp_path / "z" / "worker.log").read_text()
    assert not (tmp_path / "log").exists()


def test_a_server_without_a_folder_still_speaks(tmp_path: Path) -> None:
    """Where the log folder can't be made, standard error has the lines and the server starts."""
    (tmp_path / "log").write_text("no folder")
    assert "hello" in said(tmp_path, "admin")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("named", [True, False])
def test_a_full_disk_loses_no_line_and_shows_no_secret(tmp_path: Path, named: bool) -> None:
    """Logging's own report would print the event as it was given; each line is on standard error once, redacted."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "worker.log").symlink_to("/dev/full")
    told = said(tmp_path, "worker", **({"NPANEL_LOG_FILE": "/dev/full"} if named else {}))
    assert [json.loads(line)["message"] for line in told.splitlines()] == ["hello"]
    assert "hunter2" not in told


def test_the_interfaces_have_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As OPERATIONS fixes them for the field ``service``."""
    monkeypatch.setenv("NPANEL_VAR_DIR", str(tmp_path))
    monkeypatch.delenv("NPANEL_LOG_FILE", raising=False)
    names = [env.log_lines(interface)["service"] for interface in ("admin", "customer", "worker", "command")]
    assert names == ["npanel-admin", "npanel-portal", "npanel-worker", "npanel-command"]
