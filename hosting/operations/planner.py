"""Observe what an operation concerns, compare it with what it wants, and say what must change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hosting.adapters.base import NodeFacts, Scope, adapter_for, adapters
from hosting.choices import OperationKind
from hosting.connections.base import Connection, Context, Steps, converse
from hosting.desired import node_facts, service_resources, setup_resources
from hosting.errors import HostingError
from hosting.models import Node, Operation
from hosting.operations.nodes import node_secrets
from hosting.state import Plan, Ref, Resource, plan, state_of


@dataclass(frozen=True, slots=True)
class Goal:
    """What an operation wants: the Resources, and the part of the node they are compared with."""

    wanted: Mapping[Ref, Resource]
    scope: Scope


def refs_of(operation: Operation) -> frozenset[Ref] | None:
    """The Resources an operation is limited to (None: all of its service)."""
    if operation.refs is None:
        return None
    return frozenset(Ref(*text.split(":", 1)) for text in operation.refs)


def facts_for(node: Node) -> NodeFacts:
    """The node's facts with its secrets (worker only)."""
    return node_facts(node, node_secrets(node))


def goal_of(operation: Operation, target: Mapping[Ref, Resource | None] | None = None) -> Goal:
    """What an operation wants.

    Args:
        target: for a rollback, the Resources as they were before (None: not there), in place of the wanted facts.
    """
    facts = facts_for(_node(operation))
    if operation.kind == OperationKind.BOOTSTRAP:
        return _setup_goal(facts, target)
    owner = operation.service.username if operation.service else None
    if target is not None:
        wanted = {ref: resource for ref, resource in target.items() if resource is not None}
        return Goal(wanted, Scope(facts, owner=owner, refs=frozenset(target)))
    refs = refs_of(operation)
    wanted = service_resources(operation.service) if operation.service else {}
    if refs is not None:
        wanted = {ref: resource for ref, resource in wanted.items() if ref in refs}
    return Goal(wanted, Scope(facts, owner=owner, refs=refs))


def setup_goal(node: Node) -> Goal:
    """What a node itself needs, with the scope to compare it."""
    return _setup_goal(facts_for(node), None)


def _setup_goal(facts: NodeFacts, target: Mapping[Ref, Resource | None] | None) -> Goal:
    setup = setup_resources(facts)
    unwanted = [link for adapter in adapters().values() for link in adapter.unwanted]
    scope = Scope(facts, owner="", setup=(*setup.values(), *unwanted))
    if target is None:
        return Goal(setup, scope)
    return Goal({ref: resource for ref, resource in {**setup, **target}.items() if resource is not None}, scope)


def observe(connection: Connection, scope: Scope, context: Context = Context()) -> dict[Ref, Resource]:
    """What is really there within a scope, asked of all adapters side by side.

    Raises:
        HostingError: the first adapter's that could not see.
    """
    concerned = [adapter for adapter in adapters().values() if _concerns(adapter.handles, scope)]
    talks: list[Steps[tuple[Resource, ...]]] = [adapter.observe(scope) for adapter in concerned]
    found: list[Resource] = []
    for outcome in converse(connection, talks, context=context):
        if isinstance(outcome, HostingError):
            raise outcome
        found.extend(outcome)
    return state_of(found)


def _concerns(handles: Iterable[type[Resource]], scope: Scope) -> bool:
    """Whether an adapter is the one in charge of any kind that the scope asks for."""
    mine = [cls.kind for cls in handles]
    wanted = {resource.kind for resource in scope.setup} if scope.setup else None
    if wanted is not None:
        return any(kind in wanted for kind in mine)
    return scope.wants(*mine)


def make_plan(connection: Connection, goal: Goal, context: Context = Context()) -> Plan:
    """Observe, compare, and say what must change.

    Raises:
        HostingError: something could not be observed.
    """
    return plan(observe(connection, goal.scope, context), goal.wanted)


def probe(
    connection: Connection, goal: Goal, refs: Iterable[Ref], context: Context = Context()
) -> list[dict[str, str]]:
    """Use the Resources as a user would.

    Returns:
        ``[{"ref": …, "answer": …}, …]`` for those that could be tried.

    Raises:
        HostingError: the first one that does not do what was promised.
    """
    # What a hand-edited file serves is its author's promise, not ours.
    tried = [goal.wanted[ref] for ref in sorted(refs) if ref in goal.wanted and not _is_edited(goal.wanted[ref])]
    talks = [adapter_for(resource.kind).probe(resource, goal.scope.facts) for resource in tried]
    answers = []
    for resource, answer in zip(tried, converse(connection, talks, context=context), strict=True):
        if isinstance(answer, HostingError):
            raise answer
        if answer:
            answers.append({"ref": str(resource.ref), "answer": answer})
    return answers


def _is_edited(resource: Resource) -> bool:
    return bool(getattr(resource, "edited", ""))


def _node(operation: Operation) -> Node:
    if operation.node is None:
        raise HostingError("The operation's node was deleted.", code="node_gone", hint="Cancel the operation.")
    return operation.node
