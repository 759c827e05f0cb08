"""Runs on the node: make php-fpm masters read their configuration again, and wait until they serve it.

Called as ``python3 - VERSION[:SOCKET,SOCKET…] …`` with the sockets that the version's master has to let go of.
"""

import glob
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

PATIENCE = 30.0


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


def listening() -> set[str]:
    """Paths of all unix sockets of this node that accept connections (proc_pid_net: flag 00010000)."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        rows = [line.split() for line in file]
    return {row[7] for row in rows if len(row) > 7 and row[3] == "00010000"}


def wait(what: str, pid: int, done: Callable[[], bool]) -> None:
    """Poll until ``done()``; leave with an error when the master dies or it takes too long."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.002
    while not done():
        if not identity(pid):
            sys.exit(f"{what}: the master ended; see its log")
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def start(version: str) -> int:
    """Start one master, and return its pid."""
    unit = f"php{version}-fpm.service"
    systemctl("reset-failed", unit)
    message = systemctl("start", unit)
    return main_pid(unit) or sys.exit(f"{unit} does not start: {message}")


def reload(version: str, gone: set[str]) -> None:
    """Reload (or start) one master; then its pools' sockets are there, and those in ``gone`` are not."""
    unit = f"php{version}-fpm.service"
    sockets = wanted(version)
    pid = main_pid(unit)
    before = identity(pid)
    if before:
        os.kill(pid, signal.SIGUSR2)
        wait(f"{unit} reload", pid, lambda: identity(pid) not in (before, b""))
    else:
        pid = start(version)
    wait(f"{unit} sockets", pid, lambda: sockets <= listening() and gone.isdisjoint(listening()))


def main() -> None:
    """Reload each version, those that let go of sockets first; versions that swap sockets are stopped together."""
    gone = {}
    for argument in sys.argv[1:]:
        version, _, sockets = argument.partition(":")
        gone[version] = set(sockets.split(",")) - wanted(version) - {""}
    order = sorted(gone, key=lambda version: not gone[version])
    for position, version in enumerate(order):
        if any(wanted(version) & gone[later] for later in order[position + 1 :]):
            systemctl("stop", *(f"php{other}-fpm.service" for other in order))
    for version in order:
        reload(version, gone[version])


main()
