"""The lab as a library: ``Lab`` makes and finds nodes, ``Node`` is one server that can be used, broken and reset."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import network
from .base import BASE_KEY_LENGTH, base_key, base_path, build, cache_root, locked, require_host
from .errors import LabError
from .machine import Machine

SSH_PORT = 22
BOOT_PATIENCE = 120.0
POWER_OFF_PATIENCE = 30.0
_HOST_KEY_TYPES = ("ed25519", "ecdsa")


def state_directory() -> Path:
    """Where the lab keeps its key, its locks and what it knows of nodes (``NPANEL_LAB_STATE``, else below /run)."""
    return Path(os.environ.get("NPANEL_LAB_STATE") or "/run/npanel-lab")


class Lab:
    """All nodes of this machine; needs root and, for ``up``, the base (which it builds when it is missing)."""

    def __init__(self, state: Path | None = None) -> None:
        require_host()
        self.state = state or state_directory()
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def key_path(self) -> Path:
        """The operator's private key (ed25519, no passphrase), made at first use; root of every node accepts it."""
        path = self.state / "operator_ed25519"
        with locked(self.state / "key.lock"):
            if not path.with_suffix(".pub").exists():
                path.unlink(missing_ok=True)
                _make_key(path, "ed25519", "npanel-lab operator")
        return path

    def node(self, number: int) -> "Node":
        """Node ``number``, whether it runs or not.

        Raises:
            LabError: it is not within 1…244, so it has no address.
        """
        network.address(number)
        return Node(number, self)

    def nodes(self) -> list["Node"]:
        """Every node of which anything is left on this host, by number."""
        found = network.leftovers() | Machine.leftovers(self.state)
        for directory in (self.state / "nodes", cache_root() / "nodes"):
            found |= {int(path.name) for path in directory.glob("*") if path.name.isdigit()}
        return [self.node(number) for number in sorted(found)]

    def up(self, numbers: Iterable[int]) -> list["Node"]:
        """Boot the nodes together and wait until each is ready; those already up are left as they are."""
        wanted = [self.node(number) for number in numbers]
        for node in wanted:
            node.start()
        for node in wanted:
            node.wait_ready()
        return wanted

    def down(self, numbers: Iterable[int] | None = None, keep: bool = False) -> None:
        """Take down the given nodes, or all, and with the last one what they shared; see ``Node.down``."""
        for node in self.nodes() if numbers is None else map(self.node, numbers):
            node.down(keep=keep)
        if not self.nodes():
            Machine.forget_host(self.state)

    def clean(self) -> None:
        """Take everything down and remove the state and the cached bases, and nothing else that may lie there."""
        self.down()
        with locked(cache_root() / "build.lock", "a build is running; waiting for it"):
            _remove(cache_root(), (".build-*", "nodes", "[0-9a-f]" * BASE_KEY_LENGTH, "build.lock"))
        _remove(self.state, ("nodes", "cgroup", "operator_ed25519*", "*.lock"))


@dataclass(frozen=True)
class Node:
    """One Debian server of the lab.

    Its disk lasts until ``down`` or ``reset``; ``stop`` and ``power_cut`` keep it, so that ``up`` boots it again.
    """

    number: int
    lab: Lab

    @property
    def name(self) -> str:
        """Host name, as the node itself knows it."""
        return f"node{self.number}"

    @property
    def address(self) -> str:
        """IPv4 address, reachable from this host and from the other nodes."""
        return network.address(self.number)

    @property
    def key_path(self) -> Path:
        """The private key that signs in as root."""
        return self.lab.key_path

    @property
    def host_key(self) -> str:
        """The ed25519 key its sshd was made with, as ``ssh-ed25519 AAAA…``, for the caller to pin.

        Raises:
            LabError: the node was never brought up.
        """
        return str(self._record()["host_key"])

    @property
    def running(self) -> bool:
        """Whether its process 1 is alive."""
        return self._machine.init_pid() is not None

    # Life

    def up(self) -> "Node":
        """Boot it unless it runs, wait until systemd and sshd are there, and return it.

        Raises:
            LabError: it could not be started, or was not ready in time.
        """
        self.start()
        self.wait_ready()
        return self

    def start(self) -> None:
        """Boot it unless it runs, without waiting: a fresh disk, or the one a ``stop`` or ``power_cut`` left."""
        base = build()
        with self._locked():
            if self.running:
                self._record()
                return
            self._machine.kill()
            if not self._has_disk():
                self._make_disk()
            network.connect(self.number, self._network_lock)
            disk = {name: str(self._disk / name) for name in ("upper", "work", "root")}
            self._machine.start({"lower": str(base), "hostname": self.name, **disk})

    def wait_ready(self) -> None:
        """Wait until systemd has finished booting and sshd answers.

        Raises:
            LabError: not within two minutes; the message has systemd's state.
        """
        deadline = time.monotonic() + BOOT_PATIENCE
        while not self._booted() or not self._ssh_answers():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not get ready in {BOOT_PATIENCE:.0f} s: systemd says {self.state()}")
            time.sleep(0.1)

    def state(self) -> str:
        """``down``, or what ``systemctl is-system-running`` says (systemctl(1)): ``running``, ``degraded``, …"""
        with contextlib.suppress(LabError):
            return self.exec(["systemctl", "is-system-running"]).stdout.strip() or "booting"
        return "down"

    def stop(self) -> None:
        """Shut it down in order and keep its disk."""
        with self._locked():
            self._machine.power_off(POWER_OFF_PATIENCE)
            self._unplug()

    def power_cut(self) -> None:
        """Kill all of it at once and keep its disk, as when the power fails."""
        with self._locked():
            self._unplug()

    def down(self, keep: bool = False) -> None:
        """Stop it and leave nothing of it on this host; with ``keep`` its disk stays and the next ``up`` boots it."""
        if keep:
            self.stop()
            return
        with self._locked():
            self._unplug()
            shutil.rmtree(self._disk, ignore_errors=True)
            shutil.rmtree(self._state, ignore_errors=True)

    def reset(self) -> "Node":
        """A new server with a new host key in its place, up."""
        self.down()
        return self.up()

    # Use

    def exec(
        self, argv: Sequence[str], input: str | None = None, timeout: float = 120, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` as root inside the node, beside its sshd, and collect the output as text.

        Args:
            argv: the command; no shell is involved.
            input: its standard input, empty by default.
            timeout: seconds after which ``subprocess.TimeoutExpired`` is raised.
            check: whether a failing command raises ``LabError`` with what it wrote.

        Raises:
            LabError: the node is down.
        """
        done = subprocess.run(
            self._machine.enter(list(argv)),
            input=input or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise LabError(f"{self.name}: {' '.join(argv)} gave {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The host command line that runs ``argv`` inside the node, for callers that want their own terminal."""
        return self._machine.enter(list(argv))

    def read(self, path: str) -> str:
        """Text of a file on the node.

        Raises:
            LabError: it cannot be read.
        """
        return self.exec(["cat", path], check=True).stdout

    def write(self, path: str, data: str, mode: str = "644") -> None:
        """Put ``data`` into a file of root's on the node, with its directories; ``mode`` is octal."""
        self.exec(["install", "-D", "-m", mode, "/dev/stdin", path], input=data, check=True)

    def ssh(self, argv: Sequence[str], address: str = "", port: int = SSH_PORT) -> list[str]:
        """The ``ssh`` command that runs ``argv`` as root with the pinned host key; ``address`` for a proxy to it.

        OpenSSH joins ``argv`` with blanks and gives it to the login shell of the node: plain words only.
        """
        pinned = self._state / "known_hosts"
        pinned.write_text(f"{self.name} {self.host_key}\n")
        options = {
            "UserKnownHostsFile": pinned,
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": self.name,
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": self.key_path,
        }
        pairs = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", "-p", str(port), *pairs, f"root@{address or self.address}", *argv]

    # Faults

    def link_down(self) -> None:
        """Pull its network cable: its peers soon learn that the host is unreachable."""
        network.link(self.number, up=False)

    def link_up(self) -> None:
        """Put the network cable back."""
        network.link(self.number, up=True)

    def blackhole(self) -> None:
        """Swallow all it sends, silently: its peers get no answer and no error."""
        network.blackhole(self.number, on=True)

    def unblackhole(self) -> None:
        """Let it answer again."""
        network.blackhole(self.number, on=False)

    # What it is made of

    @property
    def _machine(self) -> Machine:
        return Machine(self.number, self.lab.state)

    @property
    def _state(self) -> Path:
        return self.lab.state / "nodes" / str(self.number)

    @property
    def _disk(self) -> Path:
        return cache_root() / "nodes" / str(self.number)

    @property
    def _network_lock(self) -> Path:
        return self.lab.state / "network.lock"

    def _locked(self) -> contextlib.AbstractContextManager[int]:
        return locked(self.lab.state / f"node{self.number}.lock")

    def _unplug(self) -> None:
        self._machine.kill()
        network.disconnect(self.number, self._network_lock)

    def _record(self) -> dict[str, str]:
        try:
            record: dict[str, str] = json.loads((self._state / "node.json").read_text())
        except FileNotFoundError:
            hint = "runs, but was made with another NPANEL_LAB_STATE" if self.running else "was never brought up"
            raise LabError(f"{self.name} {hint}") from None
        return record

    def _has_disk(self) -> bool:
        """Whether there is a disk of this very base; the record is written last, so it says the disk is whole."""
        with contextlib.suppress(LabError):
            return self._record()["base"] == base_key() and (self._disk / "upper").is_dir()
        return False

    def _make_disk(self) -> None:
        shutil.rmtree(self._disk, ignore_errors=True)
        shutil.rmtree(self._state, ignore_errors=True)
        self._state.mkdir(parents=True)
        for name in ("upper", "work", "root"):
            (self._disk / name).mkdir(parents=True)
        host_key = self._fill(self._disk / "upper")
        _write_atomically(self._state / "node.json", json.dumps({"base": base_key(), "host_key": host_key}))

    def _fill(self, upper: Path) -> str:
        """What makes this server itself: its name, its host keys and who may sign in. Returns the ed25519 host key."""
        for directory, mode in (("", 0o755), ("etc", 0o755), ("etc/ssh", 0o755), ("root", 0o700), ("root/.ssh", 0o700)):
            (upper / directory).mkdir(exist_ok=True)
            (upper / directory).chmod(mode)
        (upper / "etc/hostname").write_text(f"{self.name}\n")
        names = f"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{self.address} {self.name}\n"
        (upper / "etc/hosts").write_text(names)
        for kind in _HOST_KEY_TYPES:
            _make_key(upper / f"etc/ssh/ssh_host_{kind}_key", kind, f"root@{self.name}")
        authorized = upper / "root/.ssh/authorized_keys"
        authorized.write_text(self.lab.key_path.with_suffix(".pub").read_text())
        authorized.chmod(0o600)
        public = (upper / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        return " ".join(public.split()[:2])

    def _booted(self) -> bool:
        if not self.running:
            raise LabError(f"{self.name} died while it booted")
        return self.state() in ("running", "degraded")

    def _ssh_answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, SSH_PORT), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
        return False


def built() -> bool:
    """Whether the base is there already, so that a node is a matter of seconds."""
    return base_path().is_dir()


def _remove(directory: Path, ours: Iterable[str]) -> None:
    """Remove what matches the patterns in ``directory``, and the directory itself if that was all."""
    for pattern in ours:
        for path in directory.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    with contextlib.suppress(OSError):
        directory.rmdir()


def _make_key(path: Path, kind: str, comment: str) -> None:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _write_atomically(path: Path, text: str) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(text)
    draft.rename(path)
