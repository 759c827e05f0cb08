"""sshd of a fake node: what its configuration says of an account, and whom it would let in."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hosting.connections.base import Reply, Run, Tcp

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

_DROP_IN = "/etc/ssh/sshd_config.d/npanel.conf"
_HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIBKx9yW1ZVQoVtmG2VJfW5bCfJ3bX0mWq8uFvJk5iQyR"
_DEFAULTS = {
    "port": "22",
    "listenaddress": "0.0.0.0:22",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "chrootdirectory": "none",
    "forcecommand": "none",
    "passwordauthentication": "yes",
    "disableforwarding": "no",
    "permittty": "yes",
}


class FakeSsh:
    """Reads the real drop-in, as sshd does: the first Match that fits decides."""

    def __init__(self, node: "FakeNode") -> None:
        self._node = node
        #: How often sshd was told to read its configuration again.
        self.reloads = 0
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {"sshd": self._sshd}
        node.put("/etc/ssh/ssh_host_ed25519_key.pub", f"ssh-ed25519 {_HOST_KEY} root@fake\n".encode())

    def admits(self, user: str, blob: str) -> str:
        """What somebody gets who signs in with a key: ``sftp``, ``shell``, or "" when sshd refuses."""
        account = self._node.accounts.accounts.get(user)
        said = self._said(user)
        path = said["authorizedkeysfile"].replace("%u", user)
        if account is None or account.expires or not path.startswith("/") or not self._node.exists(path):
            return ""
        lines = [line for line in self._node.content(path).decode().splitlines() if not line.startswith("#")]
        if not any(blob in line.split() for line in lines):
            return ""
        if said["forcecommand"].startswith("internal-sftp"):
            return "sftp"
        return "" if account.shell.endswith("nologin") else "shell"

    def answer(self, request: Tcp) -> bytes:
        """What port 22 says first."""
        return b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n" if self._node.system.running("ssh.service") else b""

    def _sshd(self, words: list[str], run: Run) -> Reply:
        if "Frobnicate" in self._text():
            return Reply(exit_status=255, stderr=f"{_DROP_IN}: Bad configuration option: Frobnicate".encode())
        if "-T" not in words:
            return Reply()
        wish = words[-1] if "-C" in words else ""
        user = dict(part.partition("=")[::2] for part in wish.split(",")).get("user", "")
        return Reply(stdout="".join(f"{name} {value}\n" for name, value in self._said(user).items()).encode())

    def _text(self) -> str:
        return self._node.content(_DROP_IN).decode() if self._node.exists(_DROP_IN) else ""

    def _said(self, user: str) -> dict[str, str]:
        said: dict[str, str] = {}
        for name, value in self._settings(user):
            said.setdefault(name, value)
        return {**_DEFAULTS, **said}

    def _settings(self, user: str) -> Iterator[tuple[str, str]]:
        fits = True
        for line in self._text().splitlines():
            name, _, value = line.strip().partition(" ")
            if name == "Match":
                group = value.removeprefix("Group ")
                fits = value == "all" or user in self._node.accounts.members.get(group, ())
            elif fits and name and not name.startswith("#"):
                yield name.lower(), value
