"""Runs on the node: make nginx use the configuration on disk, and wait until only new workers take connections.

Called as ``python3 -``, or ``python3 - restart`` when systemd's limits for it have changed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

UNIT = "nginx.service"
ERRORS = Path("/var/log/nginx/error.log")
PATIENCE = 60.0


def systemctl(*arguments: str) -> str:
    """What systemctl printed; callers look at the result itself, not at its exit status."""
    done = subprocess.run(["systemctl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip()


def main_pid() -> int:
    """The master's pid, 0 while there is none."""
    return int(systemctl("show", "--property=MainPID", "--value", UNIT) or 0)


def workers(master: int) -> dict[int, str]:
    """The master's children with their titles."""
    found = {}
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
    return found


def serving(titles: dict[int, str]) -> set[int]:
    """Those children that take new connections."""
    return {pid for pid, title in titles.items() if "worker process" in title and "shutting down" not in title}


def size() -> int:
    """How long the error log is."""
    with contextlib.suppress(FileNotFoundError):
        return ERRORS.stat().st_size
    return 0


def complaint(since: int) -> str:
    """The first emergency that was logged since the log had that length (a refused reload says nothing else)."""
    with contextlib.suppress(FileNotFoundError), ERRORS.open("rb") as file:
        file.seek(since)
        lines = file.read().decode(errors="replace").splitlines()
        return next((line for line in lines if "[emerg]" in line), "")
    return ""


def reload(master: int) -> None:
    """Send SIGHUP (nginx(8)) and wait for a wholly new set of workers."""
    before = set(workers(master))
    logged = size()
    os.kill(master, signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    pause = 0.002
    while not (now := serving(workers(master))) or now & before:
        if refused := complaint(logged):
            sys.exit(refused)
        if not Path(f"/proc/{master}").exists():
            sys.exit("nginx ended while it was reloaded")
        if time.monotonic() > deadline:
            sys.exit(f"nginx did not take up its configuration within {PATIENCE:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def start(how: str) -> None:
    """Start (or restart) nginx and wait for its workers."""
    systemctl("reset-failed", UNIT)
    message = systemctl(how, UNIT)
    deadline = time.monotonic() + PATIENCE
    while not serving(workers(main_pid())):
        if not main_pid() or time.monotonic() > deadline:
            sys.exit(f"nginx does not start: {message or complaint(0)}")
        time.sleep(0.05)


def main() -> None:
    """Reload a running nginx, start one that does not run."""
    if "restart" in sys.argv[1:]:
        systemctl("daemon-reload")
        start("restart")
    elif master := main_pid():
        reload(master)
    else:
        start("start")


main()
