"""A node's processes: start its systemd in namespaces and a cgroup of its own, enter it, stop it, leave nothing."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import network
from .errors import LabError

INIT = Path(__file__).with_name("init.py")
NODE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# systemd(1), "Signals": SIGRTMIN+4 asks the manager to power off.
POWER_OFF = signal.SIGRTMIN + 4
_PREFIX = "lab-n"


def cgroup_root(fallback: Path) -> Path:
    """Mount point of the host's cgroup v2 tree: the pure layout's, the hybrid layout's, or one mounted at ``fallback``.

    Raises:
        LabError: the kernel offers none.
    """
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    fallback.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "cgroup2", "cgroup2", str(fallback)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"no cgroup v2 on this host, and none can be mounted: {done.stderr.strip()}")
    return fallback


class Machine:
    """The running side of node ``number``; all it knows it reads from the kernel, so it outlives its makers.

    Args:
        number: the node's number, 1…244.
        state: the lab's state directory, for the mount point and the cgroup tree where the host has none.
    """

    def __init__(self, number: int, state: Path) -> None:
        self.number = number
        self.state = state

    @property
    def cgroup(self) -> Path:
        """The node's cgroup: ``keeper`` holds the process that waits for it, ``node`` is its own tree."""
        return cgroup_root(self.state / "cgroup") / f"{_PREFIX}{self.number}"

    def init_pid(self) -> int | None:
        """Host pid of the node's process 1, or None when it does not run."""
        for listing in self.cgroup.glob("node/**/cgroup.procs"):
            with contextlib.suppress(OSError):
                for pid in listing.read_text().split():
                    if _is_init(int(pid)):
                        return int(pid)
        return None

    def start(self, spec: dict[str, str]) -> None:
        """Start the node's systemd; ``spec`` is what ``init.boot`` wants. The network must be there.

        Raises:
            LabError: the mounts could not be made; the message has the reason.
        """
        self._make_cgroup()
        command = ["nsenter", f"--net={network.NETNS_DIRECTORY / network.namespace(self.number)}"]
        command += "unshare --mount --pid --fork --uts --ipc --cgroup --kill-child".split()
        command += [sys.executable, "-I", str(INIT), "boot", json.dumps(spec)]
        with subprocess.Popen(
            [sys.executable, "-I", str(INIT), "join", str(self.cgroup / "node"), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdin and process.stdout
            answer = process.stdout.readline()
            if answer != "mounted\n":
                raise LabError(f"node {self.number} did not start: {answer}{process.stdout.read()}")
            self._set_keeper_apart()
            process.stdin.write("go\n")

    def _make_cgroup(self) -> None:
        for name in ("keeper", "node"):
            (self.cgroup / name).mkdir(parents=True, exist_ok=True)
        # Where the host has the controllers on v2, limits inside the node work; where not, there is nothing to give.
        for controller in (self.cgroup / "cgroup.controllers").read_text().split():
            with contextlib.suppress(OSError):
                (self.cgroup / "cgroup.subtree_control").write_text(f"+{controller}")

    def _set_keeper_apart(self) -> None:
        """cgroups(7), "no internal processes": the node's systemd can only share out a tree that holds none of ours."""
        for pid in (self.cgroup / "node/cgroup.procs").read_text().split():
            if not _is_init(int(pid)):
                (self.cgroup / "keeper/cgroup.procs").write_text(pid)

    def enter(self, argv: list[str]) -> list[str]:
        """The host command that runs ``argv`` as root inside the node.

        Raises:
            LabError: the node is down.
        """
        pid = self.init_pid()
        if pid is None:
            raise LabError(f"node {self.number} is down")
        environment = [f"PATH={NODE_PATH}", "HOME=/root", "LC_ALL=C.UTF-8", f"TERM={os.environ.get('TERM', 'dumb')}"]
        return ["nsenter", "-t", str(pid), *"-m -p -u -i -n -C -r -w env -i".split(), *environment, *argv]

    def power_off(self, patience: float) -> None:
        """Ask systemd to stop everything in order, waiting up to ``patience`` seconds."""
        if (pid := self.init_pid()) is None:
            return
        os.kill(pid, POWER_OFF)
        deadline = time.monotonic() + patience
        while self.init_pid() is not None and time.monotonic() < deadline:
            time.sleep(0.05)

    def kill(self, patience: float = 20) -> None:
        """Kill every process of the node at once, as a power cut does, and remove its cgroups.

        Raises:
            LabError: something of it is still there after ``patience`` seconds.
        """
        deadline = time.monotonic() + patience
        while self.cgroup.is_dir():
            with contextlib.suppress(OSError):
                (self.cgroup / "cgroup.kill").write_text("1")
            for path in sorted(self.cgroup.glob("**/"), key=lambda path: len(path.parts), reverse=True):
                # EBUSY while the killed processes are being buried: another round.
                with contextlib.suppress(OSError):
                    path.rmdir()
            if time.monotonic() > deadline:
                raise LabError(f"node {self.number} leaves processes behind in {self.cgroup}")
            time.sleep(0.01)

    @staticmethod
    def leftovers(state: Path) -> set[int]:
        """Numbers of the nodes that have a cgroup on this host."""
        names = [path.name.removeprefix(_PREFIX) for path in cgroup_root(state / "cgroup").glob(f"{_PREFIX}*")]
        return {int(name) for name in names if name.isdigit()}

    @staticmethod
    def forget_host(state: Path) -> None:
        """Unmount the cgroup tree the lab mounted itself, if it did."""
        own = state / "cgroup"
        if own.is_dir():
            subprocess.run(["umount", str(own)], capture_output=True, check=False)
            shutil.rmtree(own, ignore_errors=True)


def _is_init(pid: int) -> bool:
    """Whether the process is number 1 of a pid namespace below ours (proc(5), ``NSpid``)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return len(numbers) > 1 and numbers[-1] == "1"
    return False
