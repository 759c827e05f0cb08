"""Faults of a hosting node: they need nothing but a lab node, so a game day can have them as well."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.errors import LabError
from tests.lab.nodes import Node


@dataclass(frozen=True)
class NodeFault:
    """A fault of one node.

    Args:
        page: where the runbook tells what to do. says: what people will notice, without the cause.
        inject: makes it. undo: takes it back; harmless when it is gone. mended: whether it is gone.
    """

    name: str
    page: str
    says: str
    inject: Callable[[Node], object]
    undo: Callable[[Node], object]
    mended: Callable[[Node], bool]


def stopped(name: str, page: str, unit: str, says: str) -> NodeFault:
    """A daemon that was stopped."""
    return NodeFault(
        name, page, says,
        inject=lambda node: _run(node, "systemctl", "stop", unit),
        undo=lambda node: _run(node, "systemctl", "start", unit),
        mended=lambda node: node.exec(["systemctl", "is-active", unit]).returncode == 0,
    )  # fmt: skip


def _run(node: Node, *argv: str) -> None:
    node.exec(argv, check=True)


class Vhost:
    """Somebody works on a site's file by hand."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        self._path, self._text = "", ""

    def inject(self, node: Node) -> None:
        """Change the first site's file, and keep what it was."""
        self._path = _first_site(node)
        self._text = node.read(self._path)
        node.write(self._path, self._text.replace(self._old, self._new, 1) if self._old else self._text + self._new)

    def undo(self, node: Node) -> None:
        """As it was."""
        if self._path and not self.mended(node):
            node.write(self._path, self._text)

    def mended(self, node: Node) -> bool:
        """Whether it is as it was."""
        with contextlib.suppress(LabError):
            return node.read(self._path) == self._text
        return False


def _first_site(node: Node) -> str:
    found = node.exec(["find", "/etc/nginx/npanel/sites", "-name", "*.conf"]).stdout.split()
    if not found:
        raise LabError(f"{node.name} has no site yet: create a hosting service there first")
    return sorted(found)[-1]


def _hang(node: Node) -> None:
    """Every process of its SSH server stops in its tracks: connections open, and nothing answers."""
    node.exec(["pkill", "-STOP", "sshd"])


def _go_on(node: Node) -> None:
    node.exec(["pkill", "-CONT", "sshd"])


def _power_on(node: Node) -> None:
    node.up()


def _hangs(node: Node) -> bool:
    pid = node.exec(["systemctl", "show", "--property=MainPID", "--value", "ssh"]).stdout.strip()
    return node.exec(["ps", "-o", "state=", "-p", pid]).stdout.strip() in ("T", "")


def _is_up(node: Node) -> bool:
    return node.running and node.state() in ("running", "degraded")


class Flood:
    """A form of a site sends far more than anybody reads, to where nobody answers."""

    sender = "form@shop.test"

    def inject(self, node: Node) -> None:
        """Put the messages into the queue, as the site's program does."""
        for number in range(80):
            argv = ["/usr/sbin/exim4", "-odq", "-f", self.sender, f"someone{number}@nowhere.invalid"]
            node.exec(argv, input="Subject: An offer\n\nBuy it.\n", check=True)

    def undo(self, node: Node) -> None:
        """Without them."""
        found = self._waiting(node)
        if found:
            node.exec(["/usr/sbin/exim4", "-Mrm", *found])

    def mended(self, node: Node) -> bool:
        """Whether none waits."""
        return not self._waiting(node)

    def _waiting(self, node: Node) -> list[str]:
        lines = node.exec(["/usr/sbin/exim4", "-bpr"]).stdout.splitlines()
        return [line.split()[2] for line in lines if f"<{self.sender}>" in line]


_flood = Flood()
_broken = Vhost("server {", "server {\n  oops")
_touched = Vhost("", "# looked at by hand\n")

NODE_FAULTS = {
    fault.name: fault
    for fault in (
        stopped("nginx-down", "hosting-daemon-down", "nginx", "All sites of the node refuse connections."),
        stopped("node-mariadb-down", "hosting-daemon-down", "mariadb", "Customers' sites can't reach their databases."),
        stopped("dns-down", "dns-failure", "pdns", "The node's zones are not answered for."),
        NodeFault(
            "ssh-hang", "hosting-operation-timeouts", "Changes stay pending or time out.", _hang,
            _go_on, lambda node: not _hangs(node),
        ),
        NodeFault(
            "node-down", "node-down", "Nothing of the node answers.", lambda node: node.power_cut(),
            _power_on, _is_up,
        ),
        NodeFault(
            "mail-queue-grows", "mail-queue", "Mail arrives late, or not at all.", _flood.inject, _flood.undo,
            _flood.mended,
        ),
        NodeFault(
            "broken-vhost", "broken-vhost", "Somebody has edited a site's file by hand.", _broken.inject, _broken.undo,
            _broken.mended,
        ),
        NodeFault(
            "drift", "drift", "The node differs from what the panel wants.", _touched.inject, _touched.undo,
            _touched.mended,
        ),
    )
}  # fmt: skip
