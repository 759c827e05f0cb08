"""Observe what an operation concerns, compare it with what it wants, and say what must change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hosting.adapters.base import NodeFacts, Scope, adapter_for, adapters
from hosting.choices import OperationKind, OperationState
from hosting.connections.base import Connection, Context, Steps, converse
from hosting.desired import as_shared, node_facts, service_resources, setup_resources
from hosting.errors import HostingError
from hosting.models import Node, Operation
from hosting.operations import purging, queued
from hosting.operations.journal import before_states
from hosting.operations.nodes import node_secrets
from hosting.operations.spans import traced
from hosting.operations.transfers import transfer_secrets
from hosting.state import Change, DaemonUnit, NodeFile, NodeLink, Package, Plan, Ref, Resource, plan, state_of
from hosting.texts import N_, Text

#: Kinds that may work on a service of which nothing is wanted any more.
_MAY_REMOVE = (OperationKind.DELETE, OperationKind.ROLLBACK, OperationKind.ADOPT)
_NODE_KINDS = frozenset({Package.kind, NodeFile.kind, NodeLink.kind, DaemonUnit.kind})


@dataclass(frozen=True, slots=True)
class Goal:
    """What an operation wants.

    Args:
        wanted: the Resources as they are to be. scope: the part of the node they are compared with.
        left_alone: what is in scope, but wished by operations that wait for themselves.
    """

    wanted: Mapping[Ref, Resource]
    scope: Scope
    left_alone: frozenset[Ref] = frozenset()

    def difference(self, found: Mapping[Ref, Resource]) -> Plan:
        """What must change so that what was found becomes what is wanted."""
        changes = plan(found, self.wanted).changes
        return Plan(tuple(change for change in changes if change.ref not in self.left_alone))


def refs_of(operation: Operation) -> frozenset[Ref] | None:
    """The Resources an operation is limited to (None: all of its service)."""
    if operation.refs is None:
        return None
    return frozenset(Ref(*text.split(":", 1)) for text in operation.refs)


def facts_for(node: Node) -> NodeFacts:
    """The node's facts with its secrets (worker only)."""
    return node_facts(node, node_secrets(node) | transfer_secrets(node))


def wishes_of_others(operation: Operation) -> frozenset[Ref]:
    """What other operations on the same target wait to change: it is theirs, also where this one is for everything."""
    waiting = Operation.objects.filter(
        target_key=operation.target_key,
        state__in=[OperationState.PENDING, OperationState.PLANNED],
        refs__isnull=False,
        journal__isnull=True,
    ).exclude(pk=operation.pk)
    return frozenset(Ref(*text.split(":", 1)) for refs in waiting.values_list("refs", flat=True) for text in refs or ())


def goal_of(operation: Operation) -> Goal:
    """What an operation wants, by the facts.

    Raises:
        HostingError: ``service_gone``: its service was deleted, or is being deleted by another operation.
    """
    facts = facts_for(_node(operation))
    if operation.kind == OperationKind.BOOTSTRAP:
        return _setup_goal(facts)
    refs, service = refs_of(operation), operation.service
    if operation.kind in purging.KINDS:
        return Goal(*purging.goal_facts(operation, facts, refs or frozenset()))
    if operation.kind in queued.KINDS:
        return Goal(*queued.goal_facts(operation, facts, _needed(refs)))
    if service is None:
        return Goal({}, Scope(facts, refs=_needed(refs)))
    if not service.is_live and operation.kind not in _MAY_REMOVE:
        raise _gone(N_("The service %(username)s is being deleted.", username=service.username))
    wanted = service_resources(service)
    if refs is not None:
        wanted = {ref: resource for ref, resource in wanted.items() if ref in refs}
    everything = refs is None and operation.kind != OperationKind.DELETE
    left_alone = wishes_of_others(operation) if everything else frozenset()
    return Goal(wanted, Scope(facts, owner=service.username, refs=refs), left_alone)


def _needed(refs: frozenset[Ref] | None) -> frozenset[Ref]:
    """Without a service an operation must name its Resources: everything would be everybody's."""
    if refs is None:
        raise _gone(N_("The service that this operation was for is not there any more."))
    return refs


def _gone(detail: Text) -> HostingError:
    return HostingError(detail, code="service_gone", hint=N_("Cancel the operation; nothing was changed."))


def goal_before(operation: Operation, begun: Sequence[Change]) -> Goal:
    """How everything was before the first of these changes: what a rollback wants.

    Raises:
        HostingError: ``not_ours``: the journal names a file, package or unit that NPanel does not look after.
    """
    facts = facts_for(_node(operation))
    target = before_states(begun)
    node = _node(operation)
    wanted = {ref: as_shared(node, resource) for ref, resource in target.items() if resource is not None}
    if _NODE_KINDS & {ref.kind for ref in target}:
        touched = {change.ref: change.resource for change in begun}
        _check_ours(facts, touched)
        return Goal(wanted, Scope(facts, owner="", setup=tuple(touched.values())))
    owner = operation.service.username if operation.service else None
    return Goal(wanted, Scope(facts, owner=owner, refs=frozenset(target)))


def _check_ours(facts: NodeFacts, touched: Iterable[Ref]) -> None:
    """A journal row must not make root touch a file, package or unit that no adapter asks for, whoever wrote it."""
    ours = {*setup_resources(facts), *(link.ref for link in _unwanted())}
    for ref in touched:
        if ref.kind in _NODE_KINDS and ref not in ours:
            raise HostingError(
                N_("%(ref)s is not (or no more) one that NPanel looks after.", ref=ref),
                code="not_ours",
                hint=N_("Bootstrap the node again instead of rolling back."),
            )


def setup_goal(node: Node) -> Goal:
    """What a node itself needs, with the scope to compare it."""
    return _setup_goal(facts_for(node))


def _setup_goal(facts: NodeFacts) -> Goal:
    setup = setup_resources(facts)
    return Goal(setup, Scope(facts, owner="", setup=(*setup.values(), *_unwanted())))


def _unwanted() -> list[NodeLink]:
    return [link for adapter in adapters().values() for link in adapter.unwanted]


def observe(connection: Connection, scope: Scope, context: Context = Context()) -> dict[Ref, Resource]:
    """What is really there within a scope, asked of all adapters side by side.

    Raises:
        HostingError: the first adapter's that could not see.
    """
    concerned = [adapter for adapter in adapters().values() if _concerns(adapter.handles, scope)]
    talks: list[Steps[tuple[Resource, ...]]] = [traced("observe", a.kind, a.observe(scope)) for a in concerned]
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
    return goal.difference(observe(connection, goal.scope, context))


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
    talks = [_probe(resource, goal) for resource in tried]
    answers = []
    for resource, answer in zip(tried, converse(connection, talks, context=context), strict=True):
        if isinstance(answer, HostingError):
            raise answer
        if answer:
            answers.append({"ref": str(resource.ref), "answer": answer})
    return answers


def _probe(resource: Resource, goal: Goal) -> Steps[str]:
    adapter = adapter_for(resource.kind)
    return traced("probe", adapter.kind, adapter.probe(resource, goal.scope.facts))


def _is_edited(resource: Resource) -> bool:
    return bool(getattr(resource, "edited", ""))


def _node(operation: Operation) -> Node:
    if operation.node is None:
        raise HostingError(N_("The operation's node was deleted."), code="node_gone", hint=N_("Cancel the operation."))
    return operation.node
