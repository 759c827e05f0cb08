"""Pure-FTPd of a fake node: the file of accounts as the node's script makes it, and port 21."""

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING

from hosting.connections.base import Reply, Run

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

UNIT = "pure-ftpd-mysql.service"
_ROOT = "/etc/npanel/ftp"
_SCRIPT = "/usr/local/lib/npanel/ftp_accounts.py"
_FIELDS = 18


class FakeFtp:
    """Answers from the file that was made last, as the real daemon looks it up anew for every sign-in.

    Attributes:
        ended: accounts whose sessions were ended, in order.
    """

    def __init__(self, node: "FakeNode") -> None:
        self._node = node
        self.ended: list[str] = []
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "python3": self._script,
            "grep": self._grep,
            "pure-quotacheck": self._count,
        }

    def answer(self) -> bytes:
        """What port 21 says first."""
        return b"220---------- Welcome to Pure-FTPd ----------\r\n" if self._node.system.running(UNIT) else b""

    def lets_in(self, name: str, password_hash: str) -> str:
        """The folder in which somebody with this hash's password finds themselves, or "" for nobody."""
        for line in self._database().splitlines():
            fields = line.split(":")
            if fields[:2] == [name, password_hash]:
                return fields[5].removesuffix("/./")
        return ""

    def _database(self) -> str:
        path = f"{_ROOT}/accounts.pdb"
        return self._node.content(path).decode() if self._node.exists(path) else ""

    def _script(self, words: list[str], run: Run) -> Reply:
        if _SCRIPT not in words:
            return self._node.sites.programs["python3"](words, run)
        self.ended += words[words.index(_SCRIPT) + 1 :]
        folder = f"{_ROOT}/accounts"
        names = self._node.tree.at(folder).children if self._node.exists(folder) else ()
        lines = [self._node.content(posixpath.join(folder, name)).decode() for name in sorted(names)]
        whole = [line for line in lines if line.count(":") == _FIELDS - 1 and line.count("\n") == 1]
        self._node.put(f"{_ROOT}/accounts.pdb", "".join(whole).encode(), mode=0o600)
        return Reply()

    def _grep(self, words: list[str], run: Run) -> Reply:
        wanted = run.stdin.decode().rstrip("\n")
        return Reply(exit_status=0 if wanted in self._database() else 1)

    def _count(self, words: list[str], run: Run) -> Reply:
        self._node.put(f"{words[-1]}/.ftpquota", b"0 0\n", mode=0o600, owner=run.user or "root")
        return Reply()
