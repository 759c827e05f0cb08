"""Packages, systemd and small tools of a fake node."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.connections.base import Reply, Run

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

_BASE = ("passwd", "procps", "util-linux", "logrotate", "openssh-server")
_DOVECOT = ("dovecot-imapd", "dovecot-lmtpd", "dovecot-managesieved", "dovecot-pop3d", "dovecot-sieve")
_MAIL = ("exim4-daemon-heavy", *_DOVECOT, "redis-server", "rspamd")
_DAEMONS = ("nginx", "mariadb-server", "pdns-server", "pdns-backend-sqlite3", "pure-ftpd-mysql", *_MAIL)
#: What a package brings that adapters look at: its unit.
_UNITS = {
    "nginx": "nginx.service",
    "openssh-server": "ssh.service",
    "mariadb-server": "mariadb.service",
    "pdns-server": "pdns.service",
    "exim4-daemon-heavy": "exim4.service",
    "dovecot-imapd": "dovecot.service",
    "pure-ftpd-mysql": "pure-ftpd-mysql.service",
    "redis-server": "redis-server.service",
    "rspamd": "rspamd.service",
}
_OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


@dataclass(slots=True)
class FakeUnit:
    """A systemd unit."""

    enabled: bool = True
    active: bool = True


class FakeSystem:
    """Which packages are installed, and which units are enabled and active."""

    def __init__(self, node: "FakeNode", php: Sequence[str], *, installed: bool) -> None:
        self._node = node
        self.packages: set[str] = set(_BASE)
        self.units: dict[str, FakeUnit] = {}
        self._of_files: set[str] = set()
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "dpkg-query": self._dpkg_query,
            "apt-get": self._apt_get,
            "systemctl": self._systemctl,
            "findmnt": lambda words, run: Reply(stdout=b"/ rw,relatime\n"),
            "systemd-tmpfiles": self._nothing,
            "sleep": self._nothing,
            "sync": self._nothing,
            "test": self._nothing,
            "true": self._nothing,
            "tar": self._tar,
            "sha256sum": self._sha256sum,
        }
        node.put("/usr/lib/os-release", _OS_RELEASE.encode())
        for package in (*_BASE, *(_DAEMONS if installed else ())):
            self.install(package)
        for version in php:
            self.install(f"php{version}-fpm")
            self.install(f"php{version}-mysql")

    def install(self, package: str) -> None:
        """Install a package, with what adapters look at."""
        self.packages.add(package)
        if package in _UNITS:
            self.units.setdefault(_UNITS[package], FakeUnit())
        if package.startswith("php") and package.endswith("-fpm"):
            version = package[3:-4]
            self.units.setdefault(f"{package}.service", FakeUnit())
            self._node.put(f"/usr/sbin/php-fpm{version}", b"", mode=0o755)
            self._node.put(f"/etc/php/{version}/fpm/pool.d/www.conf", b"[www]\nlisten = /run/php/www.sock\n")
            self._node.put_directory(f"/etc/php/{version}/fpm/conf.d")
        if package == "nginx":
            self._node.put_directory("/etc/nginx/conf.d")
            self._node.put("/etc/nginx/sites-available/default", b"server {\n    listen 80 default_server;\n}\n")
            self._node.put_directory("/etc/nginx/sites-enabled")
            self._node.put_link("/etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default")

    def running(self, unit: str) -> bool:
        """Whether a unit is active."""
        return unit in self.units and self.units[unit].active

    def stop(self, unit: str) -> None:
        """End a daemon."""
        self.units[unit].active = False

    def start(self, unit: str) -> None:
        """Start a daemon."""
        self.units[unit].active = True

    def _dpkg_query(self, words: list[str], run: Run) -> Reply:
        known = [name for name in words if name in self.packages]
        missing = [name for name in words if not name.startswith("--") and name not in self.packages]
        status = 1 if missing else 0
        return Reply(exit_status=status, stdout="".join(f"{name} installed\n" for name in known).encode())

    def _apt_get(self, words: list[str], run: Run) -> Reply:
        for name in words[words.index("install") + 1 :] if "install" in words else ():
            self.install(name)
        self.packages -= set(words[words.index("remove") + 1 :] if "remove" in words else ())
        return Reply()

    def _systemctl(self, words: list[str], run: Run) -> Reply:
        verb, names = words[0], [word for word in words[1:] if not word.startswith("-")]
        if verb == "show":
            return Reply(stdout="\n".join(map(self._shown, names)).encode())
        for name in names:
            self._look_for(name)
            if name not in self.units:
                return Reply(exit_status=5, stderr=f"Unit {name} not found.".encode())
            self._do(verb, self.units[name])
        return Reply()

    def _look_for(self, name: str) -> None:
        """Units that no package brought are there as long as their files are."""
        there = self._node.exists(f"/etc/systemd/system/{name}")
        if there and name not in self.units:
            self.units[name] = FakeUnit(enabled=False, active=False)
            self._of_files.add(name)
        elif not there and name in self._of_files:
            self._of_files.remove(name)
            del self.units[name]

    def _do(self, verb: str, unit: FakeUnit) -> None:
        if verb in ("enable", "disable"):
            unit.enabled = verb == "enable"
        elif verb in ("start", "restart", "stop"):
            unit.active = verb != "stop"

    def _shown(self, name: str) -> str:
        self._look_for(name)
        unit = self.units.get(name)
        states = ("not-found", "inactive", "") if unit is None else (
            "loaded", "active" if unit.active else "inactive", "enabled" if unit.enabled else "disabled",
        )  # fmt: skip
        names = ("LoadState", "ActiveState", "UnitFileState")
        return "".join(f"{key}={value}\n" for key, value in zip(names, states, strict=True))

    def _tar(self, words: list[str], run: Run) -> Reply:
        """Write the files below some paths into one file, or read it back against them."""
        path = next(word.partition("=")[2] for word in words if word.startswith("--file="))
        if "--compare" in words:
            kept = json.loads(self._node.content(path))
            same = all(self._files(source) == files for source, files in kept.items())
            return Reply(exit_status=0 if same else 1)
        found = {word: self._files(word) for word in words if not word.startswith("--")}
        self._node.put(path, json.dumps(found).encode(), mode=0o600)
        return Reply()

    def _files(self, source: str) -> dict[str, str]:
        found: dict[str, str] = {}
        waiting = [(source, self._node.tree.at(f"/{source}"))]
        while waiting:
            path, entry = waiting.pop()
            waiting.extend((f"{path}/{name}", child) for name, child in entry.children.items())
            if entry.type == "file":
                found[path] = entry.data.decode(errors="replace")
        return found

    def _sha256sum(self, words: list[str], run: Run) -> Reply:
        digest = hashlib.sha256(self._node.content(words[-1])).hexdigest()
        return Reply(stdout=f"{digest}  {words[-1]}\n".encode())

    def _nothing(self, words: list[str], run: Run) -> Reply:
        return Reply()
