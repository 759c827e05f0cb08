"""Programs run by argument list, as whom they should, for as long as they may, and nothing of them stays behind."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from hosting.connections.base import Reply, Run
from hosting.connections.local import LocalConnection
from hosting.errors import CommandFailed, CommandTimedOut, HostingError

from .conftest import needs_root

PYTHON = "/usr/bin/python3"


def run(local: LocalConnection, *argv: str, **options: object) -> Reply:
    (answer,) = local.batch([Run(argv, **options)])  # type: ignore[arg-type]
    if isinstance(answer, HostingError):
        raise answer
    return answer


def python(local: LocalConnection, program: str, **options: object) -> Reply:
    return run(local, PYTHON, "-c", program, **options)


def test_arguments_arrive_as_they_are(local: LocalConnection) -> None:
    reply = python(local, "import sys; print(sys.argv[1:])")
    assert reply.text == "[]\n"
    hostile = ["$(id)", "; rm -rf /", "`id`", "a b", "", "'\"\\", "new\nline", "*"]
    assert run(local, PYTHON, "-c", "import sys; print(sys.argv[1:])", *hostile).text == f"{hostile}\n"


def test_standard_input_is_the_only_way_in(local: LocalConnection) -> None:
    assert run(local, "cat", stdin=b"x" * 3_000_000).stdout == b"x" * 3_000_000
    assert run(local, "cat").stdout == b""


def test_a_program_that_does_not_read_its_input_is_no_error(local: LocalConnection) -> None:
    assert run(local, "true", stdin=b"x" * 3_000_000).exit_status == 0


def test_the_environment_is_fixed_and_clean(local: LocalConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPANEL_SECRET", "planted")
    names = {line.split("=")[0] for line in run(local, "env").text.splitlines()}
    assert names == {"PATH", "LC_ALL", "HOME", "USER", "LOGNAME", "SHELL", "DEBIAN_FRONTEND"}
    assert run(local, "pwd").text == "/\n"


def test_an_unexpected_status_is_an_error_with_the_first_lines(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed) as caught:
        python(local, "import sys; print('said'); sys.stderr.write('why\\x1b[31m'); sys.exit(3)")
    assert caught.value.exit_status == 3
    assert caught.value.argv[0] == PYTHON
    assert caught.value.detail == f"{PYTHON}: ended with 3: why [31m"
    assert python(local, "raise SystemExit(3)", ok=(0, 3)).exit_status == 3


def test_without_error_output_the_other_one_is_shown(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed, match="only said here"):
        python(local, "print('only said here'); raise SystemExit(1)")


def test_a_long_error_is_cut(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed) as caught:
        python(local, "import sys; sys.stderr.write('x' * 100000); sys.exit(1)")
    assert len(caught.value.detail) <= 500


def test_a_program_that_is_not_there(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed, match="no such program") as caught:
        run(local, "no-such-program")
    assert caught.value.exit_status == 127


def test_a_killed_program_has_its_signal_as_negative_status(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed) as caught:
        python(local, "import os; os.kill(os.getpid(), 9)")
    assert caught.value.exit_status == -9


def test_megabytes_on_both_outputs_do_not_block(local: LocalConnection) -> None:
    reply = python(
        local, "import sys\nfor _ in range(48): sys.stderr.write('e' * 65536); sys.stdout.write('o' * 65536)"
    )
    assert len(reply.stdout) == 48 * 65536
    assert len(reply.stderr) == 1024 * 1024
    assert reply.truncated


def test_too_much_output_is_cut_and_said_to_be(local: LocalConnection) -> None:
    reply = python(local, "import sys\nfor _ in range(300): sys.stdout.write('o' * 65536)")
    assert (len(reply.stdout), reply.truncated) == (16 * 1024 * 1024, True)


def test_the_time_limit_ends_grandchildren_too(local: LocalConnection, place: str) -> None:
    with pytest.raises(CommandTimedOut, match="longer than 2 seconds"):
        python(
            local,
            f"import os, time\nfor _ in range(2): os.fork()\nopen({place + '/pids'!r}, 'a')"
            ".write(f'{os.getpid()}\\n')\ntime.sleep(600)",
            timeout=2.0,
        )
    pids = [int(line) for line in Path(place, "pids").read_text().split()]
    assert len(pids) == 4
    assert wait_until_gone(pids)


def wait_until_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_a_daemon_that_keeps_the_outputs_open_is_not_waited_for(local: LocalConnection, place: str) -> None:
    program = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    open({place + "/pid"!r}, 'w').write(str(os.getpid()))
    time.sleep(600)
print('started', flush=True)
"""
    reply = python(local, program, timeout=300.0)
    assert reply.text == "started\n"
    deadline = time.monotonic() + 30
    while not Path(place, "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(int(Path(place, "pid").read_text()), 9)


@needs_root
def test_as_a_user_everything_of_root_is_dropped(local: LocalConnection) -> None:
    program = (
        "import os; print(os.getresuid(), os.getresgid(), os.getgroups(), os.environ['HOME'], os.environ['USER'],"
        " [line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')])"
    )
    reply = python(local, program, user="www-data")
    assert reply.text == "(33, 33, 33) (33, 33, 33) [33] /var/www www-data ['0000000000000000']\n"


@needs_root
def test_a_user_cannot_get_back_to_root(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed, match="PermissionError"):
        python(local, "import os; os.setuid(0)", user="www-data")


def test_an_unknown_user_is_an_error(local: LocalConnection) -> None:
    with pytest.raises(CommandFailed, match="no user 'nosuchuser'"):
        run(local, "id", user="nosuchuser")


def test_secrets_on_standard_input_are_in_no_command_line(local: LocalConnection) -> None:
    secret = b"planted-" + os.urandom(8).hex().encode()
    program = """
import glob, sys
secret = sys.stdin.buffer.read()
found = 0
for path in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/environ'):
    try:
        found += secret in open(path, 'rb').read()
    except OSError:
        pass
print(found)
"""
    assert python(local, program, stdin=secret).text == "0\n"


def test_the_agents_program_is_in_no_command_line(local: LocalConnection) -> None:
    pid = local.hello["pid"]
    assert isinstance(pid, int)
    command = psutil.Process(pid).cmdline()
    assert command[0] == sys.executable
    assert sum(map(len, command)) < 300
