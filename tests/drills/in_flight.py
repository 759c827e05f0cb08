"""An operation that is under way on the node when its SSH server hangs."""

import subprocess

from tests.drills.node_faults import NODE_FAULTS
from tests.drills.stack import NODE, Stack

SERVICE = "late"
_FINAL = ("succeeded", "rolled_back")


class InFlight:
    """A hosting service that is being made while the node stops answering."""

    def __init__(self) -> None:
        self._command: subprocess.Popen[str] | None = None

    def hang(self, stack: Stack) -> None:
        """Somebody asks for a service; the first changes are made when the node falls silent."""
        where = ("--customer", "Customer late", "--node", NODE, "--plan", "Basic", "--username", SERVICE)
        self._command = stack.begin("service_create", "late.test", *where, "--yes")
        stack.wait(lambda: self._begun(stack), "the first change on the node", pause=0.02)
        NODE_FAULTS["ssh-hang"].inject(stack.node)
        assert self._state(stack) == "running", "the operation was over before the node fell silent"

    def _begun(self, stack: Stack) -> bool:
        done = stack.rows(
            "SELECT COUNT(*) AS n FROM hosting_journalentry j JOIN hosting_operation o ON o.id = j.operation_id"
            " WHERE o.target_label = 'late'"
        )
        return bool(done[0]["n"])

    @staticmethod
    def _state(stack: Stack) -> str:
        found = stack.rows(
            "SELECT state FROM hosting_operation WHERE kind = 'service_create' AND target_label = 'late'"
        )
        return str(found[0]["state"])

    def look(self, stack: Stack) -> None:
        """The operation was finished or taken back, and nothing was made by half."""
        assert self._state(stack) in _FINAL, self._state(stack)
        assert stack.node.exec(["getent", "passwd", SERVICE]).returncode == 0
        stack.manage("node_check", NODE)

    def land(self, stack: Stack) -> None:
        """The node answers, and nobody waits for the command any more."""
        NODE_FAULTS["ssh-hang"].undo(stack.node)
        if self._command is not None:
            self._command.terminate()
            self._command.wait()
