"""What the worker takes from the queue: tasks that it signed itself, for the one function, with one UUID."""

from typing import Any
from uuid import UUID

from django_q.brokers.orm import ORM
from django_q.signing import BadSignature, SignedPackage

from hosting.operations.dispatcher import TASK
from observability.logging import get_logger

log = get_logger("queue_task")
#: What a task of ours holds. Not among them: hooks, chains and groups, which would run functions of their own.
_PARTS = frozenset({"id", "name", "func", "args", "kwargs", "started", "ack_failure"})


class GuardedBroker(ORM):  # type: ignore[misc]
    """The ORM broker, less every task that is not ours: such a task is removed and logged, never run.

    The signature is checked before anything is unpickled; this check is for what was signed here by mistake.
    """

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The next tasks as (row id, signed payload)."""
        tasks: list[tuple[int, str]] | None = super().dequeue()
        return [task for task in tasks if self._accepts(*task)] if tasks else tasks

    def _accepts(self, row_id: int, payload: str) -> bool:
        reason = refusal(payload)
        if reason:
            log.error("task refused", row_id=row_id, reason=reason, status="failed")
            self.delete(row_id)
        return not reason


def refusal(payload: str) -> str:
    """Why the worker does not run a queue row; "" when it does."""
    try:
        task: dict[str, Any] = SignedPackage.loads(payload)
    except BadSignature:
        return "not signed with the worker's key"
    if not isinstance(task, dict) or not task.keys() <= _PARTS:
        return "it holds more than a call"
    if task.get("func") != TASK or task.get("kwargs"):
        return f"it calls something other than {TASK}"
    return "" if _is_one_uuid(task.get("args")) else "its arguments are not one UUID"


def _is_one_uuid(args: object) -> bool:
    if not isinstance(args, tuple) or len(args) != 1 or not isinstance(args[0], str):
        return False
    try:
        return str(UUID(args[0])) == args[0]
    except ValueError:
        return False
