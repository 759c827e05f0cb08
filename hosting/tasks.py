"""What the queue may call: one function, one UUID."""

from uuid import UUID

from observability.context import bind_trace
from observability.logging import get_logger


def execute(operation_id: str) -> None:
    """Carry out the operation with this id (a redelivered or stale task does nothing).

    Raises:
        ValueError: the argument is no UUID in its one spelling.
    """
    from hosting.operations.runner import run

    if not isinstance(operation_id, str) or str(identity := UUID(operation_id)) != operation_id:
        raise ValueError("a task carries one operation's UUID")
    with bind_trace():
        operation = run(identity)
        if operation is None:
            get_logger("queue_task").info("nothing to do", operation_id=operation_id, status="success")
