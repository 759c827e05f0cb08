"""A stand-in for systemd on the panel's machine: ``systemctl`` and ``journalctl`` for the drills' own processes.

A unit is a file NAME.json in a folder, a process in a cgroup of its own (so that stopping it ends all that it started)
and a log. The runbook's commands call it by the names of the real programs; what a drill can't have is process 1.

As a program: ``units.py FOLDER systemctl restart mariadb``.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

READY_S = 60.0
STOP_S = 20.0
_PARENT = Path("/sys/fs/cgroup/unified")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Unit:
    """One service: its command, its environment, and where it listens once it is ready."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    cwd: str
    address: tuple[str, int] | None = None
    cgroups: list[str] = field(default_factory=list)


class Units:
    """All units below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, argv: Sequence[str], environment: Mapping[str, str], cwd: Path, **more: object) -> None:
        """Make a unit known; nothing is started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        parent = _PARENT if _PARENT.is_dir() else _CGROUP
        group = parent / f"npanel-drill-{self.folder.name}-{name}"
        unit = asdict(Unit(name, list(argv), dict(environment), str(cwd), **more))  # type: ignore[arg-type]
        unit["cgroups"] = [str(group), *unit["cgroups"]]
        self._file(name, "json").write_text(json.dumps(unit))

    def names(self) -> list[str]:
        """All of them."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def start(self, name: str) -> None:
        """Start a unit unless it runs, and wait until it listens.

        Raises:
            TimeoutError: it ended, or does not listen in time.
        """
        if self.is_active(name):
            return
        unit = self._unit(name)
        for group in unit.cgroups:
            Path(group).mkdir(parents=True, exist_ok=True)
        with self._file(name, "log").open("ab") as log:
            process = subprocess.Popen(
                unit.argv, cwd=unit.cwd, env=unit.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=lambda: _join(unit.cgroups),
            )  # fmt: skip
        self._file(name, "pid").write_text(str(process.pid))
        self._wait_ready(unit, process.pid)

    def _wait_ready(self, unit: Unit, pid: int) -> None:
        deadline = time.monotonic() + READY_S
        while unit.address is not None and not _listens(*unit.address):
            if not _lives(pid) or time.monotonic() > deadline:
                raise TimeoutError(f"Job for {unit.name}.service failed:\n{self.log(unit.name, 20)}")
            time.sleep(0.1)

    def stop(self, name: str) -> None:
        """Ask it to end, then end all that is left in its cgroup."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_S
            while _lives(pid) and time.monotonic() < deadline:
                time.sleep(0.1)
        self.kill(name)

    def kill(self, name: str) -> None:
        """End every process of it at once."""
        group = Path(self._unit(name).cgroups[0])
        deadline = time.monotonic() + STOP_S
        while self.members(name) and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                (group / "cgroup.kill").write_text("1")
            time.sleep(0.05)
        self._file(name, "pid").unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop all units and remove their cgroups."""
        for name in self.names():
            self.stop(name)
            self._bury(Path(self._unit(name).cgroups[0]))

    @staticmethod
    def _bury(group: Path) -> None:
        """EBUSY while the killed processes are being buried: another round."""
        deadline = time.monotonic() + STOP_S
        while group.is_dir() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                group.rmdir()
            time.sleep(0.05)

    def is_active(self, name: str) -> bool:
        """Whether its first process lives."""
        pid = self.pid(name)
        return pid is not None and _lives(pid)

    def pid(self, name: str) -> int | None:
        """Its first process."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._file(name, "pid").read_text())
        return None

    def members(self, name: str) -> list[int]:
        """Every process of it."""
        with contextlib.suppress(OSError):
            pids = (Path(self._unit(name).cgroups[0]) / "cgroup.procs").read_text().split()
            return [int(pid) for pid in pids if _lives(int(pid))]
        return []

    def adopt(self, name: str, argv: Sequence[str]) -> int:
        """Start a process as if the unit itself had; gives its pid."""
        unit = self._unit(name)
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=lambda: _join(unit.cgroups),
        ).pid  # fmt: skip

    def log(self, name: str, lines: int) -> str:
        """The last lines that it wrote."""
        with contextlib.suppress(OSError):
            return "\n".join(self._file(name, "log").read_text(errors="replace").splitlines()[-lines:])
        return "-- No entries --"

    def _file(self, name: str, end: str) -> Path:
        return self.folder / f"{name}.{end}"

    def _unit(self, name: str) -> Unit:
        try:
            return Unit(**json.loads(self._file(name, "json").read_text()))
        except FileNotFoundError:
            raise SystemExit(f"Unit {name}.service could not be found.") from None


def _join(groups: Sequence[str]) -> None:
    for group in groups:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _systemctl(units: Units, verb: str, names: Sequence[str]) -> int:
    if verb == "is-active":
        states = [units.is_active(name) for name in names]
        print("\n".join("active" if state else "inactive" for state in states))
        return 0 if any(states) else 3
    for name in names:
        if verb in ("stop", "restart"):
            units.stop(name)
        if verb in ("start", "restart"):
            units.start(name)
    return 0


def main(folder: str, program: str, *arguments: str) -> int:
    """What ``systemctl`` or ``journalctl`` was asked for; gives the exit status."""
    units, words = Units(Path(folder)), [word for word in arguments if word != "--no-pager"]
    if program == "journalctl":
        options = dict(zip(words[::2], words[1::2], strict=True))
        print(units.log(options["--unit"], int(options["--lines"])))
        return 0
    try:
        return _systemctl(units, words[0], words[1:])
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
