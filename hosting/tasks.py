"""What the queue may call: one function, one UUID."""

from uuid import UUID

from observability.context import bind_trace
from observability.logging import get_logger
from observability.redaction import redact_text


class TaskFailed(Exception):
    """A task ended with an exception; the log has its traceback."""


def execute(operation_id: str) -> None:
    """Carry out the operation with this id (a redelivered or stale task does nothing).

    Raises:
        ValueError: the argument is no UUID in its one spelling.
        TaskFailed: for any exception; the queue keeps an exception's words and traceback in its table as they are.
    """
    from hosting.operations.runner import run

    if not isinstance(operation_id, str) or str(identity := UUID(operation_id)) != operation_id:
        raise ValueError("a task carries one operation's UUID")
    with bind_trace():
        log = get_logger("queue_task")
        try:
            operation = run(identity)
        except Exception as error:
            log.exception("task failed", operation_id=operation_id, status="failed")
            raise TaskFailed(redact_text(f"{type(error).__name__}: {error}")) from None
        if operation is None:
            log.info("nothing to do", operation_id=operation_id, status="success")
