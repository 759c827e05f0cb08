"""The start page: what needs somebody now, what is running, how it goes, the nodes; or what to do first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, Max, Min, OuterRef, Q, QuerySet, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.actor import Actor
from hosting import selectors
from hosting.admin.cells import address_of
from hosting.admin.figures import UNWELL, figures, services_by_node
from hosting.admin.nodes import SILENT_AFTER
from hosting.choices import BulkState, DriftState, NodeState, OperationState, ServiceState
from hosting.models import BulkRun, HostingPlan, Operation
from hosting.translated import translated
from observability.health import history
from observability.health.base import Status
from observability.health.runner import discover
from observability.models import HealthPeriod
from observability.models.incidents import Incident, IncidentState

#: Lines of one sort; more are a link away.
SHOWN = 8
NODES_SHOWN = 60
_MOVING = (OperationState.PENDING, OperationState.RUNNING)
#: Counted at most this far in the rail; beyond, "99+" says enough.
_COUNTED = 100
_LOOKED_AT = 1_000
#: A failure that nobody has looked at for this long is seen by its service, which is out of sync.
_RECENT = timedelta(days=30)


@dataclass(frozen=True)
class Line:
    """One thing that needs somebody: what, where, since when, and the one action that helps."""

    tone: str
    icon: str
    what: str
    where: str
    since: Any
    url: str
    action: str


@dataclass(frozen=True)
class Step:
    """One of the first steps in an empty installation."""

    title: str
    text: str
    url: str
    action: str
    done: bool


def unresolved(actor: Actor) -> QuerySet[Operation]:
    """Failed operations of the last weeks that nothing later on the same target has made up for."""
    later = Operation.objects.filter(
        target_key=OuterRef("target_key"), created_at__gt=OuterRef("created_at"),
    ).exclude(state=OperationState.CANCELLED)  # fmt: skip
    recent = selectors.operations(actor).filter(state__in=UNWELL, created_at__gt=timezone.now() - _RECENT)
    return recent.exclude(Exists(later))


def _newest_failed(actor: Actor) -> list[Operation]:
    """The newest unresolved ones, found first and sorted then: in order, the database would go through all it has."""
    found = unresolved(actor).select_related(None).order_by().values_list("created_at", "pk")[:_LOOKED_AT]
    newest = [pk for _moment, pk in sorted(found, reverse=True)[:SHOWN]]
    return list(selectors.operations(actor).filter(pk__in=newest)) if newest else []


def attention(actor: Actor, unwell: Sequence[HealthPeriod]) -> list[Line]:
    """What needs somebody now, the worst first.

    Args:
        unwell: what checks find down or degraded now.
    """
    planned = (
        selectors.operations(actor).filter(state=OperationState.PLANNED).select_related("intent", "node", "service")
    )
    failed = _newest_failed(actor)
    waiting = selectors.bulk_runs(actor).filter(state=BulkState.WAITING)
    incidents = _open_incidents(actor)
    return [
        *(_incident(one) for one in incidents),
        *_down(unwell, incidents),
        *(_failed(operation) for operation in failed),
        *_nodes(actor),
        *_out_of_sync(actor, failed),
        *(_planned(operation) for operation in planned[:SHOWN]),
        *(_bulk(run) for run in waiting[:SHOWN]),
        *_drift(actor),
    ]


def running(actor: Actor) -> QuerySet[Operation]:
    """What the workers are doing or about to do."""
    return selectors.operations(actor).filter(state__in=_MOVING)[:SHOWN]


def counts(actor: Actor) -> dict[str, int]:
    """What waits, for the rail; each is counted to 100 at most."""
    return {
        "incidents": selectors.incidents(actor).exclude(state=IncidentState.RESOLVED).order_by()[:_COUNTED].count(),
        "failed": unresolved(actor).order_by()[:_COUNTED].count(),
        "planned": selectors.operations(actor).filter(state=OperationState.PLANNED).order_by()[:_COUNTED].count(),
        "drift": selectors.drift_items(actor).filter(state=DriftState.OPEN).order_by()[:_COUNTED].count(),
        "nodes": selectors.nodes(actor).filter(_unhealthy()).order_by()[:_COUNTED].count(),
    }


def first_steps(actor: Actor) -> list[Step]:
    """What to do on an empty installation; nothing once there is a service."""
    if selectors.services(actor).exists():
        return []
    return [_node_step(actor), _plan_step(), _service_step(actor)]


def _node_step(actor: Actor) -> Step:
    node = selectors.nodes(actor).order_by("pk").first()
    return Step(
        _("Add a node"),
        _("A Debian server that carries sites. NPanel plans what it needs, and shows you before it does it."),
        address_of(node) if node else reverse("admin:hosting_node_add"),
        _("Continue with %s") % node if node else _("Add a node"),
        done=selectors.nodes(actor).filter(state=NodeState.READY).exists(),
    )


def _plan_step() -> Step:
    text = _("The limits you sell: disk space, domains, databases, PHP.")
    url = reverse("admin:hosting_hostingplan_add")
    return Step(_("Make a hosting plan"), text, url, _("Make a hosting plan"), done=HostingPlan.objects.exists())


def _service_step(actor: Actor) -> Step:
    known = selectors.customers(actor).exists()
    return Step(
        _("Create a customer and a service"),
        _("A customer owns services. A service is one site's home: a user, a domain, PHP, databases."),
        reverse("admin:hosting_hostingservice_add" if known else "admin:accounts_customer_add"),
        _("New service") if known else _("New customer"),
        done=False,
    )


def moving(actor: Actor) -> dict[str, Any]:
    """What changes while somebody looks at the start page."""
    unwell = _unwell(actor)
    return {"lines": attention(actor, unwell), "running": list(running(actor)), "unwell": unwell}


def start_page(actor: Actor, seen: dict[str, Any] | None = None) -> dict[str, Any]:
    """Everything the start page shows.

    Args:
        seen: what moves, where it has been looked up already.
    """
    moves = moving(actor) if seen is None else seen
    steps = first_steps(actor)
    return {"steps": steps, **moves} if steps else {"figures": figures(actor), **_grid(actor, moves["unwell"]), **moves}


def _grid(actor: Actor, unwell: Sequence[HealthPeriod]) -> dict[str, Any]:
    """The nodes, those that need somebody first."""
    everyone = selectors.nodes(actor)
    rank = Case(When(_unhealthy(), then=0), default=1, output_field=IntegerField())
    nodes: list[Any] = list(everyone.annotate(rank=rank).order_by("rank", "name")[:NODES_SHOWN])
    services, worst = services_by_node(actor), {row.node: row for row in unwell}
    for node in nodes:
        node.service_count, node.health = services.get(node.pk, 0), worst.get(node.name)
    return {"nodes": nodes, "node_count": everyone.count(), "silent_before": timezone.now() - SILENT_AFTER}


def _unwell(actor: Actor) -> list[HealthPeriod]:
    """What checks find down or degraded now, the worst last."""
    found = history.current() if selectors.sees_all(actor) else []
    return sorted((row for row in found if row.status != Status.UP), key=lambda row: Status(row.status).severity)


def _open_incidents(actor: Actor) -> list[Incident]:
    """What alerts say is wrong now, unacknowledged first."""
    found = selectors.incidents(actor).exclude(state=IncidentState.RESOLVED)
    return list(found.order_by("-state", "-pk")[:SHOWN])


def _down(unwell: Sequence[HealthPeriod], incidents: Sequence[Incident]) -> list[Line]:
    """What health checks say is down now, but what an incident tells already; degraded is for the page on health."""
    told = {(incident.labels.get("check", ""), incident.node) for incident in incidents}
    down = [row for row in unwell if row.status == Status.DOWN and (row.check_name, row.node) not in told]
    return [_check(row) for row in down[:SHOWN]]


def _check(row: HealthPeriod) -> Line:
    known = discover().get(row.check_name)
    title = str(known.title) if known else row.check_name
    values = {"check": title, "node": row.node}
    what = _("%(check)s of %(node)s: down") % values if row.node else _("%(check)s: down") % values
    return Line("bad", "circle-x", what, row.summary, row.began_at, reverse("admin:health"), _("Open health"))


def _incident(incident: Incident) -> Line:
    taken = incident.state == IncidentState.ACKNOWLEDGED
    where = _("%s deals with it") % incident.acknowledged_by if taken else str(incident.get_severity_display())
    tone = "warn" if incident.severity == "warning" else "bad"
    return Line(
        tone, "triangle-alert", incident.summary, where, incident.started_at, address_of(incident), _("Open incident")
    )


def _failed(operation: Operation) -> Line:
    bad = operation.state != OperationState.ROLLED_BACK
    return Line(
        "bad" if bad else "warn",
        "circle-x" if bad else "undo-2",
        f"{operation.get_kind_display()}: {operation.get_state_display().lower()}",
        _where(operation, translated(operation.error)[0]),
        operation.finished_at or operation.created_at,
        address_of(operation),
        _("See why"),
    )


def _planned(operation: Operation) -> Line:
    if hasattr(operation, "intent"):
        what = _("%s waits to be confirmed") % operation.get_kind_display()
        until = getattr(operation.intent.expires_at, "strftime", str)("%H:%M:%S UTC")
        where = f"{_where(operation, '')}. " + _("Until %(time)s, by %(who)s.") % {
            "time": until, "who": operation.actor_login,
        }  # fmt: skip
        url = f"{address_of(operation)}#confirm"
        return Line("warn", "hourglass", what, where, operation.created_at, url, _("Confirm"))
    return Line(
        "info", "hourglass", _("%s waits for your approval") % operation.get_kind_display(), _where(operation, ""),
        operation.created_at, address_of(operation), _("Review plan"),
    )  # fmt: skip


def _bulk(run: BulkRun) -> Line:
    what = _("%s waits to be confirmed") % str(run)
    where = _("Asked for by %s.") % run.actor_login
    return Line("warn", "hourglass", what, where, run.created_at, address_of(run), _("Confirm"))


def _where(operation: Operation, detail: str) -> str:
    node = operation.node.name if operation.node else ""
    place = operation.target_label if operation.target_label == node else f"{operation.target_label}, {node}"
    return f"{place.strip(', ')}. {detail}".rstrip(" .") + ("." if detail else "")


def _unhealthy() -> Q:
    silent = Q(last_seen_at=None) | Q(last_seen_at__lt=timezone.now() - SILENT_AFTER)
    return Q(state=NodeState.PAUSED) | ~Q(note="") | (Q(state=NodeState.READY) & silent)


def _nodes(actor: Actor) -> list[Line]:
    lines = []
    for node in selectors.nodes(actor).filter(_unhealthy()).order_by("last_seen_at")[:SHOWN]:
        paused = node.state == NodeState.PAUSED
        what = _("%s is paused") % node if paused else _("%s has not answered lately") % node
        since = None if paused else node.last_seen_at
        lines.append(
            Line("warn", "server", what, _(node.note) or node.address, since, address_of(node), _("Open node"))
        )
    return lines


def _out_of_sync(actor: Actor, failed: Sequence[Operation]) -> Sequence[Line]:
    """Services whose node is not as wanted, besides those whose failed operation has a line of its own."""
    named = [operation.service_id for operation in failed if operation.service_id]
    found = selectors.services(actor).filter(out_of_sync=True).exclude(state=ServiceState.TERMINATED)
    many = found.exclude(pk__in=named).select_related(None).order_by()[:_COUNTED].count()
    if not many:
        return []
    what = ngettext("%d service is out of sync", "%d services are out of sync", many) % many
    where = _("An operation failed or was discarded, and the node is not as wanted.")
    url = f"{reverse('admin:hosting_hostingservice_changelist')}?sync=out"
    return [Line("warn", "git-compare", what, where, None, url, _("Review services"))]


def _drift(actor: Actor) -> Sequence[Line]:
    found = selectors.drift_items(actor).filter(state=DriftState.OPEN).select_related(None).order_by()
    groups = found.values("node__name").annotate(
        many=Count("id"), since=Min("first_seen_at"), last=Max("last_seen_at")
    )  # fmt: skip
    url = reverse("admin:hosting_driftitem_changelist")
    return [
        Line(
            "warn", "git-compare",
            ngettext("%(n)d difference on %(node)s", "%(n)d differences on %(node)s", group["many"])
            % {"n": group["many"], "node": group["node__name"]},
            _("The node is not as wanted, and no operation explains it."), group["since"],
            f"{url}?q={group['node__name']}", _("Review drift"),
        )
        for group in groups.order_by("node__name")[:SHOWN]
    ]  # fmt: skip
