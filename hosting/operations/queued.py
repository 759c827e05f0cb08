"""What operations on waiting messages want, and what their success says of the queue."""

from hosting.adapters.base import NodeFacts, Scope
from hosting.choices import OperationKind
from hosting.models import MailQueue, Operation, QueuedMessage
from hosting.state import QueuedMessage as Message
from hosting.state import Ref, Resource

KINDS = (OperationKind.HOLD_MESSAGE, OperationKind.RELEASE_MESSAGE, OperationKind.DELETE_MESSAGES)


def goal_facts(operation: Operation, facts: NodeFacts, refs: frozenset[Ref]) -> tuple[dict[Ref, Resource], Scope]:
    """The messages as they are to be, and the scope to compare them in: these alone."""
    wanted: dict[Ref, Resource] = {}
    if operation.kind != OperationKind.DELETE_MESSAGES:
        held = operation.kind == OperationKind.HOLD_MESSAGE
        wanted = {ref: Message(ref.key, held) for ref in refs}
    return wanted, Scope(facts, refs=refs)


def settle(operation: Operation) -> None:
    """Have the rows say what was done, before the next look does."""
    ids = {text.partition(":")[2] for text in operation.refs or ()}
    known = QueuedMessage.objects.filter(node=operation.node_id).values_list("pk", "message_id")
    rows = QueuedMessage.objects.filter(pk__in=[pk for pk, message_id in known if message_id in ids])
    if operation.kind == OperationKind.DELETE_MESSAGES:
        rows.delete()
    else:
        rows.update(held=operation.kind == OperationKind.HOLD_MESSAGE)
    MailQueue.objects.filter(node=operation.node_id).update(look_at=None)
