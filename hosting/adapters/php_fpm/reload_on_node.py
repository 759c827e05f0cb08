"""Runs on the node: make php-fpm masters read their configuration again, and wait until they serve it.

Called as ``python3 - [restart] VERSION[:SOCKET,SOCKET…] …``; the sockets are those that its master lets go of,
and ``restart`` when systemd's limits for it have changed.
"""

import contextlib
import glob
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0
READY = "ready to handle connections"


def systemctl(*arguments: str) -> str:
    """What systemctl printed; callers look at the result itself, not at its exit status."""
    done = subprocess.run(["systemctl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip()


def main_pid(unit: str) -> int:
    """The master's pid, 0 while there is none."""
    return int(systemctl("show", "--property=MainPID", "--value", unit) or 0)


def identity(pid: int) -> bytes:
    """Something that differs after each exec of a process (the addresses its kernel gave it), b"" when it is gone."""
    try:
        with open(f"/proc/{pid}/auxv", "rb") as file:
            return file.read()
    except OSError:
        return b""


def wanted(version: str) -> set[str]:
    """The sockets that the version's pool files name."""
    found = set()
    for path in glob.glob(f"/etc/php/{version}/fpm/pool.d/npanel-*.conf"):
        with open(path, encoding="utf-8", errors="replace") as file:
            found.update(re.findall(r"^\s*listen\s*=\s*(/\S+)", file.read(), re.MULTILINE))
    return found


def held(pid: int) -> set[str]:
    """Paths of the unix sockets on which a process accepts connections (proc_pid_net(5): flag 00010000)."""
    inodes = set()
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                inodes.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        rows = [line.split() for line in file]
    return {row[7] for row in rows if len(row) > 7 and row[3] == "00010000" and f"socket:[{row[6]}]" in inodes}


def wait(what: str, pid: int, done: Callable[[], bool], log: "Log") -> None:
    """Poll until ``done()``; leave with an error when the master dies or it takes too long."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.002
    while not done():
        if not identity(pid):
            sys.exit(f"{what}: the master ended: {log.fault()}")
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Log:
    """What a master writes into its log from now on."""

    def __init__(self, version: str) -> None:
        self.path = Path(f"/var/log/php{version}-fpm.log")
        with contextlib.suppress(OSError):
            text = Path(f"/etc/php/{version}/fpm/php-fpm.conf").read_text(errors="replace")
            named = re.findall(r"^\s*error_log\s*=\s*(/\S+)", text, re.MULTILINE)
            self.path = Path(named[-1]) if named else self.path
        self.start = self.path.stat().st_size if self.path.exists() else 0

    def news(self) -> str:
        """What was added."""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self.start)
            return file.read().decode(errors="replace")
        return ""

    def fault(self) -> str:
        """The first error that was added."""
        lines = self.news().splitlines()
        return next((line for line in lines if "ERROR" in line or "ALERT" in line), "see its log")


def start(version: str, how: str) -> int:
    """Start (or restart) one master, and return its pid once systemd was told that it is ready."""
    unit, log = f"php{version}-fpm.service", Log(version)
    systemctl("reset-failed", unit)
    systemctl(how, unit)
    return main_pid(unit) or sys.exit(f"{unit} does not start: {log.fault()}")


def reexec(version: str, pid: int) -> None:
    """Have a running master read its configuration again: it lets requests end, then starts itself anew."""
    log, before = Log(version), identity(pid)
    os.kill(pid, signal.SIGUSR2)
    name = f"php{version}-fpm"
    wait(name, pid, lambda: identity(pid) not in (before, b""), log)
    since = time.monotonic()
    # A log level above "notice" hides the word: then a master that lives on for a moment has passed its start.
    quiet = 0.5
    wait(name, pid, lambda: READY in log.news() or (not log.news() and time.monotonic() > since + quiet), log)


def reload(version: str, gone: set[str], restart: bool) -> None:
    """Reload (or start) one master; then its pools' sockets are there, and those in ``gone`` are not."""
    sockets = wanted(version)
    pid = main_pid(f"php{version}-fpm.service")
    if restart or not identity(pid):
        pid = start(version, "restart" if restart else "start")
    else:
        reexec(version, pid)

    def there() -> bool:
        now = held(pid)
        return sockets <= now and gone.isdisjoint(now)

    wait(f"the sockets of php{version}-fpm", pid, there, Log(version))


def main() -> None:
    """Reload each version, those that let go of sockets first; versions that swap sockets are stopped together."""
    arguments = sys.argv[1:]
    restart = "restart" in arguments
    if restart:
        arguments.remove("restart")
        systemctl("daemon-reload")
    gone = {}
    for argument in arguments:
        version, _, sockets = argument.partition(":")
        gone[version] = set(sockets.split(",")) - wanted(version) - {""}
    order = sorted(gone, key=lambda version: not gone[version])
    for position, version in enumerate(order):
        if any(wanted(version) & gone[later] for later in order[position + 1 :]):
            systemctl("stop", *(f"php{other}-fpm.service" for other in order))
    for version in order:
        reload(version, gone[version], restart)


main()
