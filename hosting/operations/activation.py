"""Group commit of activations: operations that have written their files share one test and one reload per node.

Whoever gets the node's lock leads: it takes all waiting tickets, lets the daemons test what lies on disk, reloads each
once, and answers the tickets. When the test fails, the leader takes the candidates' files away; if it still fails, a
stranger's file is at fault and is moved aside; else the bad candidate is found by halving, and it alone fails.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.adapters.base import Adapter, Quarantined, activations, adapter_for, adapters
from hosting.choices import OperationState, Phase
from hosting.connections.base import Connection, Context, converse, perform
from hosting.desired import service_resources
from hosting.errors import ConfigurationInvalid, ConnectionFailed, HostingError, OutcomeUnknown
from hosting.failpoints import failpoint
from hosting.models import ActivationLock, ActivationTicket, HostingService, Node, Operation
from hosting.operations.journal import error_json, journalled
from hosting.operations.locks import LeaseLost, is_dead, renew, worker_name
from hosting.operations.spans import traced
from hosting.state import Change
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import FILE_QUARANTINE
from observability.logging import get_logger

_LOCK_SECONDS = 300.0
_WAIT_SECONDS = 1800.0
#: The longest pause between two looks at the ticket, in seconds.
_WAIT_STEP = 0.15
_QUARANTINES_AT_MOST = 20
#: How long a leader waits for others that are about to need the same reload.
_GATHER_SECONDS = 1.2
_BEFORE_RELOAD = (Phase.PLANNING, Phase.APPLYING)

log = get_logger("activation")


@dataclass(slots=True)
class Candidate:
    """An operation whose files are written and wait for the reload."""

    ticket: ActivationTicket
    changes: list[Change]
    context: Context
    error: HostingError | None = None


@dataclass(slots=True)
class Settled:
    """What an activation did: which daemons were reloaded, and what was moved aside."""

    reloaded: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


def activate(
    operation: Operation, connection: Connection, changes: Sequence[Change], *, backward: bool = False
) -> list[str]:
    """Have the operation's changes tested and put into effect, together with whoever else waits on the node.

    Args:
        changes: the journalled changes of one direction. backward: that they take the operation back.

    Returns:
        Kinds of the adapters whose daemons were reloaded for it.

    Raises:
        HostingError: the daemons refused this operation's files, or a daemon can't be reloaded.
    """
    if operation.node is None or not activations(changes):
        return []
    ticket = _enqueue(operation, operation.node, backward)
    failpoint("activation.queued")
    deadline = time.monotonic() + _WAIT_SECONDS
    pause = 0.01
    while not _answered(ticket):
        if fence := _try_lead(operation.node):
            try:
                _lead(operation.node, fence, connection)
            finally:
                _release(operation.node, fence)
        elif time.monotonic() > deadline:
            raise HostingError(N_("The activation did not get its turn."), code="activation_stuck", permanent=False)
        else:
            renew(operation, _WAIT_STEP)
            time.sleep(pause)
            pause = min(pause * 1.5, _WAIT_STEP)
    if ticket.error:
        refusal = HostingError.from_stored(ticket.error)
        refusal.permanent = False
        raise refusal
    return list(ticket.reloads)


@retried
def _enqueue(operation: Operation, node: Node, backward: bool) -> ActivationTicket:
    fresh = {"node": node, "backward": backward, "done": False, "error": None, "reloads": [], "leader_fence": 0}
    ticket, _new = ActivationTicket.objects.update_or_create(operation=operation, defaults=fresh)
    return ticket


def _answered(ticket: ActivationTicket) -> bool:
    ticket.refresh_from_db()
    return ticket.done


@retried
def _try_lead(node: Node) -> int:
    """Take the node's activation lock; its new fence, or 0 when somebody alive has it."""
    lock, _new = ActivationLock.objects.get_or_create(node=node)
    now = timezone.now()
    free = Q(holder="") | Q(until__lt=now)
    if lock.holder and is_dead(lock.holder):
        free |= Q(holder=lock.holder)
    taken = ActivationLock.objects.filter(free, pk=lock.pk, fence=lock.fence).update(
        holder=worker_name(), until=now + timedelta(seconds=_LOCK_SECONDS), fence=F("fence") + 1
    )
    return lock.fence + 1 if taken else 0


@retried
def _release(node: Node, fence: int) -> None:
    ActivationLock.objects.filter(node=node, fence=fence).update(holder="", until=None)


def _gather(node: Node) -> None:
    """Give operations that are about to need a reload a moment to share this one; where nobody is, there is no wait."""
    deadline = time.monotonic() + _GATHER_SECONDS
    here = Operation.objects.filter(node=node)
    writing = here.filter(state=OperationState.RUNNING, phase__in=_BEFORE_RELOAD).exclude(activationticket__done=False)
    queued = here.filter(state=OperationState.PENDING, dispatched_at__isnull=False)
    waiting = ActivationTicket.objects.filter(node=node, done=False)
    while time.monotonic() < deadline:
        # What is queued can only come while a worker process is free to take it.
        if not writing.exists() and (not queued.exists() or waiting.count() >= settings.NPANEL_WORKERS):
            return
        time.sleep(0.02)


def _lead(node: Node, fence: int, connection: Connection) -> None:
    failpoint("activation.leading")
    _gather(node)
    candidates, unreadable = _candidates(node, fence)
    settled = Settled()
    try:
        for candidate in candidates:
            if candidate.ticket.leader_fence and not candidate.ticket.backward:
                _put(candidate, connection)  # an earlier leader may have died with its files taken away
        _isolate(node, candidates, connection, settled)
        good = [change for candidate in candidates if candidate.error is None for change in candidate.changes]
        failpoint("activation.validated")
        settled.reloaded = _reload(good, connection, _shared_context(candidates))
        failpoint("activation.activated")
    except (ConnectionFailed, OutcomeUnknown, LeaseLost):
        raise  # nobody was refused: the tickets stay open for whoever leads next
    except HostingError as error:
        for candidate in candidates:
            candidate.error = candidate.error or error
    _answer(node, fence, [*candidates, *unreadable], settled)
    failpoint("activation.answered")


@retried
def _candidates(node: Node, fence: int) -> tuple[list[Candidate], list[Candidate]]:
    """Those who wait, oldest first, and apart from them those whose journal can't be read: they alone fail."""
    ActivationTicket.objects.filter(node=node, done=False).exclude(operation__state=OperationState.RUNNING).delete()
    waiting = ActivationTicket.objects.filter(node=node, done=False).select_related("operation__reverts")
    good: list[Candidate] = []
    bad: list[Candidate] = []
    for ticket in waiting.order_by("created_at"):
        candidate = _candidate(ticket)
        (good if candidate.error is None else bad).append(candidate)
    ActivationTicket.objects.filter(node=node, done=False).update(leader_fence=fence)
    return good, bad


def _candidate(ticket: ActivationTicket) -> Candidate:
    context = context_of(ticket.operation)
    try:
        return Candidate(ticket, journalled(ticket.operation, backward=ticket.backward), context)
    except (HostingError, KeyError, ValueError) as error:
        problem = HostingError(
            N_("Its journal can't be read: %(error)s", error=error), code="journal_unreadable", permanent=False
        )
        return Candidate(ticket, [], context, problem)


def context_of(operation: Operation) -> Context:
    """What an operation's requests carry to the node; rollbacks share the folder of what they take back."""
    first = operation
    while first.reverts is not None:
        first = first.reverts
    return Context(trace_id=operation.trace_id, operation_id=str(operation.pk), removed_id=str(first.pk))


def _shared_context(candidates: Sequence[Candidate]) -> Context:
    return candidates[0].context if candidates else Context()


def _reload(changes: Sequence[Change], connection: Connection, context: Context) -> list[str]:
    """Reload each daemon once, in the order in which its first change was made: a pool before the site that uses it.

    Returns:
        Those that were reloaded; an adapter may only have made a file anew.
    """
    needed = activations(changes)
    for kind in needed:
        perform(connection, traced("activate", kind, adapters()[kind].activate(needed[kind])), context=context)
    return [kind for kind in needed if not _is_reload_free(adapters()[kind], needed[kind])]


def _is_reload_free(adapter: Adapter, changes: Sequence[Change]) -> bool:
    return adapter.reload_free and all(isinstance(change.resource, adapter.handles) for change in changes)


def _refusal(changes: Sequence[Change], connection: Connection, context: Context) -> tuple[str, HostingError] | None:
    """The first daemon that refuses what lies on disk, and what it said."""
    needed = activations(changes)
    talks = [traced("validate", kind, adapters()[kind].validate(needed[kind])) for kind in needed]
    for kind, outcome in zip(needed, converse(connection, talks, context=context), strict=True):
        if isinstance(outcome, HostingError):
            return kind, outcome
    return None


def _isolate(node: Node, candidates: list[Candidate], connection: Connection, settled: Settled) -> None:
    """Leave on disk only what the daemons accept; candidates at fault get their error and lose their files."""
    everything = [change for candidate in candidates for change in candidate.changes]
    context = _shared_context(candidates)
    if _refusal(everything, connection, context) is None:
        return
    # What takes an operation back is how things were: part of the base, not under test.
    tested = [candidate for candidate in candidates if not candidate.ticket.backward]
    for candidate in tested:
        _put(candidate, connection, backward=True)
    _clean_base(node, everything, connection, context, settled)
    _readmit(tested, connection)


def _clean_base(
    node: Node, changes: Sequence[Change], connection: Connection, context: Context, settled: Settled
) -> None:
    """Move strangers' broken files aside until the daemons accept what was there before the candidates.

    Raises:
        HostingError: the configuration is broken in a place that is not ours to move.
    """
    for _attempt in range(_QUARANTINES_AT_MOST):
        refusal = _refusal(changes, connection, context)
        if refusal is None:
            return
        kind, error = refusal
        path = error.path if isinstance(error, ConfigurationInvalid) else ""
        moved = perform(connection, adapters()[kind].quarantine(path, error.detail), context=context)
        if moved is None:
            raise error
        settled.quarantined.append(moved)
        _report(node, moved)
        _restore(node, moved, connection, context)
    raise HostingError(N_("Too many broken files on the node."), code="configuration_invalid", permanent=False)


def _report(node: Node, moved: Quarantined) -> None:
    log.error("broken file moved aside", node=node.name, path=moved.path, kept_at=moved.kept_at, status="failed")
    record(
        verb=FILE_QUARANTINE,
        actor=Actor.system("npanel-worker"),
        target=Target("node", str(node.pk), node.name),
        outcome=Outcome.SUCCEEDED,
        reason=moved.reason[:300],
        after={"path": moved.path, "kept_at": moved.kept_at},
        node=node.name,
    )


def _restore(node: Node, moved: Quarantined, connection: Connection, context: Context) -> None:
    """A file of ours that was broken by hand: put the wanted one back, so that its site goes on."""
    if moved.ref is None:
        return
    owner = moved.path.rsplit("/", 1)[-1].removeprefix("npanel-").split(".")[0]
    service = HostingService.objects.filter(node=node, username_key=owner).first()
    if service is not None and service.operations.exclude(active_key=None).exists():
        return  # the file is a running operation's own; it will find out and take itself back
    wanted = service_resources(service).get(moved.ref) if service else None
    if wanted is not None:
        change = Change(wanted.kind, wanted.key, None, wanted)
        perform(connection, adapter_for(wanted.kind).apply(change, context), context=context)


def _readmit(candidates: Sequence[Candidate], connection: Connection) -> None:
    """Put candidates back by halves; a half that is refused is halved again, until the bad ones are alone."""
    if not candidates:
        return
    for candidate in candidates:
        _put(candidate, connection)
    changes = [change for candidate in candidates for change in candidate.changes]
    refusal = _refusal(changes, connection, _shared_context(candidates))
    if refusal is None:
        return
    for candidate in candidates:
        _put(candidate, connection, backward=True)
    if len(candidates) == 1:
        candidates[0].error = refusal[1]
        return
    middle = len(candidates) // 2
    _readmit(candidates[:middle], connection)
    _readmit(candidates[middle:], connection)


def _put(candidate: Candidate, connection: Connection, *, backward: bool = False) -> None:
    """Write (or take back) the files of a candidate that daemons test; users, homes and data are left alone."""
    tested = [change for changes in activations(candidate.changes).values() for change in changes]
    for change in [c.inverse for c in reversed(tested)] if backward else tested:
        perform(connection, adapter_for(change.kind).apply(change, candidate.context), context=candidate.context)


@retried
def _answer(node: Node, fence: int, candidates: Sequence[Candidate], settled: Settled) -> None:
    for candidate in candidates:
        mine = set(activations(candidate.changes))
        ActivationTicket.objects.filter(pk=candidate.ticket.pk, leader_fence=fence).update(
            done=True,
            error=None if candidate.error is None else error_json(candidate.error),
            reloads=[kind for kind in settled.reloaded if kind in mine],
        )
    lock = ActivationLock.objects.get(node=node)
    for kind in settled.reloaded:
        lock.reloads[kind] = lock.reloads.get(kind, 0) + 1
    ActivationLock.objects.filter(pk=lock.pk, fence=fence).update(reloads=lock.reloads)
