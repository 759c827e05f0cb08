"""Spans of an operation's parts: adapters' conversations, each with what it asked of the node."""

from collections.abc import Sequence
from typing import TypeVar

from hosting.connections.base import Reply, Request, Run, Steps
from hosting.errors import HostingError
from hosting.models import Operation
from observability import context, tracing

T = TypeVar("T")


def requested_id(operation: Operation) -> str:
    """The id of the span in which an operation was asked for: the queue carries the operation's UUID, nothing else."""
    return operation.pk.hex[16:]


def note_request(operation: Operation) -> None:
    """Send the span that joins whoever asked with the worker."""
    tracing.record(
        f"request {operation.kind}",
        tracing.now(),
        kind="producer",
        span_id=requested_id(operation),
        parent_id=tracing.enclosing_id(),
        attributes={"npanel.operation_id": str(operation.pk), "npanel.operation": operation.kind},
    )


def traced(verb: str, adapter: str, steps: Steps[T]) -> Steps[T]:
    """The same conversation, with a span for it and one for each command (conversations run side by side)."""
    return _traced(verb, adapter, steps) if tracing.is_on() else steps


def _traced(verb: str, adapter: str, steps: Steps[T]) -> Steps[T]:
    began, own, parent = tracing.now(), context.new_span_id(), tracing.enclosing_id()
    error = ""
    try:
        return (yield from _watched(steps, own))
    except HostingError as failure:
        error = failure.code or type(failure).__name__
        raise
    finally:
        facts = {"npanel.adapter": adapter}
        tracing.record(f"{verb} {adapter}", began, span_id=own, parent_id=parent, error=error, attributes=facts)


def _watched(steps: Steps[T], parent: str) -> Steps[T]:
    """Hand requests and replies through, and send a span for each request."""
    replies: Sequence[Reply] | None = None
    failure: HostingError | None = None
    while True:
        try:
            if failure is not None:
                asked = steps.throw(failure)
            else:
                asked = next(steps) if replies is None else steps.send(replies)
        except StopIteration as stop:
            result: T = stop.value
            return result
        began, failure = tracing.now(), None
        try:
            replies = yield asked
        except HostingError as error:
            failure = error
        _note_commands(asked, () if failure else replies or (), began, parent, failure)


def _note_commands(
    asked: Sequence[Request], replies: Sequence[Reply], began: int, parent: str, failure: HostingError | None
) -> None:
    """Only the program's name is told: arguments hold names of customers and their sites."""
    for place, request in enumerate(asked):
        reply = replies[place] if place < len(replies) else None
        facts = {"npanel.exit_status": reply.exit_status} if reply is not None and isinstance(request, Run) else {}
        tracing.record(
            f"run {request.argv[0].rsplit('/', 1)[-1]}" if isinstance(request, Run) else f"node {request.op}",
            began,
            kind="client",
            parent_id=parent,
            ended=began + int(reply.seconds * 1e9) if reply is not None else 0,
            error="" if failure is None else failure.code or type(failure).__name__,
            attributes=facts,
        )
