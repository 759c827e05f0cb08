"""Hosting plans: the limits that are sold."""

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from accounts.models import Reseller
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import HostingPlan, HostingService
from hosting.services.limits import check_larger_plan
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import MailDomain, PhpPool, SshAccess, SystemUser
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import PLAN_CHANGE, PLAN_CREATE, PLAN_DELETE

#: Names of the limits, as fields, command-line flags and audit events spell them.
LIMITS = tuple(
    field.name
    for field in HostingPlan._meta.concrete_fields
    if field.name not in ("id", "name", "reseller", "for_resellers", "ssh")
)
#: What can be changed of a plan; whose it is stays.
CHANGEABLE = frozenset({"name", "for_resellers", "ssh", *LIMITS})

#: The limits that nodes enforce, and the kind of Resource that carries each.
_ON_NODES = {"php_processes": PhpPool.kind, "memory_mb": PhpPool.kind, "disk_mb": SystemUser.kind}


@transaction.atomic
def create_plan(
    *, actor: Actor, name: str, reseller: Reseller | None = None, for_resellers: bool = False, **limits: Any
) -> HostingPlan:
    """Add a plan, of the operator's own or of a reseller.

    Args:
        for_resellers: whether resellers may sell it (of the operator's own).
        limits: by the names in :data:`LIMITS`; None is unlimited. ``ssh``: a value of SshMode.

    Raises:
        HostingError: ``invalid``.
    """
    plan = HostingPlan(name=name.strip(), reseller=reseller, for_resellers=for_resellers and reseller is None, **limits)
    save_valid(plan)
    record(verb=PLAN_CREATE, actor=actor, target=plan, outcome=Outcome.SUCCEEDED, after=_shown(plan))
    return plan


@retried
def change_plan(*, actor: Actor, plan: HostingPlan, **values: Any) -> HostingPlan:
    """Change a plan's name or limits.

    Limits that nodes enforce reach them with each service's next operation (``manage.py service_apply``); until then
    its services are out of sync.

    Raises:
        HostingError: ``invalid``, ``not_found`` (somebody has just deleted it), ``limit_reached`` (of the reseller
            whose it is: its services would have more disk space than may be sold).
    """
    row = reread(plan, lock=True)
    before = _shown(row)
    for name, value in values.items():
        if name not in CHANGEABLE:
            raise ValueError(f"{name} of a plan can't be changed")
        setattr(row, name, value)
    save_valid(row)
    after = _shown(row)
    if _is_more(before["disk_mb"], after["disk_mb"]):
        check_larger_plan(row)
    _mark_services(row, {kind for name, kind in _ON_NODES.items() if before[name] != after[name]})
    if before["mails_per_hour"] != after["mails_per_hour"]:
        _mark_mail(row)
    if before["ssh"] != after["ssh"]:
        _mark_ssh(row)
    record(verb=PLAN_CHANGE, actor=actor, target=row, outcome=Outcome.SUCCEEDED, before=before, after=after)
    return row


def _is_more(before: int | None, after: int | None) -> bool:
    return before is not None and (after is None or after > before)


def _mark_services(plan: HostingPlan, kinds: set[str]) -> None:
    """Have the services under a plan say that these Resources of theirs are not as wanted yet."""
    if not kinds:
        return
    live = plan.services.exclude(state__in=[ServiceState.SOFT_DELETED, ServiceState.TERMINATED])
    services = list(live.select_for_update().order_by("pk"))
    for service in services:
        service.mark_unsynced({f"{kind}:{service.username}" for kind in kinds})
    HostingService.objects.bulk_update(services, ["unsynced", "out_of_sync"], batch_size=200)


def _mark_mail(plan: HostingPlan) -> None:
    """Likewise the mail domains of those services, each of which carries the limit."""
    live = plan.services.exclude(state__in=[ServiceState.SOFT_DELETED, ServiceState.TERMINATED])
    services = list(live.filter(domains__mail__isnull=False).distinct().select_for_update().order_by("pk"))
    for service in services:
        names = service.domains.filter(mail__isnull=False).values_list("name", flat=True)
        service.mark_unsynced({f"{MailDomain.kind}:{name}" for name in names})
    HostingService.objects.bulk_update(services, ["unsynced", "out_of_sync"], batch_size=200)


def _mark_ssh(plan: HostingPlan) -> None:
    """Likewise those of them that have keys."""
    live = plan.services.exclude(state__in=[ServiceState.SOFT_DELETED, ServiceState.TERMINATED])
    services = list(live.filter(ssh_keys__isnull=False).distinct().select_for_update().order_by("pk"))
    for service in services:
        service.mark_unsynced({f"{kind}:{service.username}" for kind in (SshAccess.kind, SystemUser.kind)})
    HostingService.objects.bulk_update(services, ["unsynced", "out_of_sync"], batch_size=200)


@retried
def delete_plan(*, actor: Actor, plan: HostingPlan) -> None:
    """Remove a plan that no service is under.

    Raises:
        HostingError: ``plan_in_use``, ``not_found``.
    """
    row = reread(plan, lock=True)
    target, before = Target.of(row), _shown(row)
    try:
        row.delete()
    except ProtectedError as error:
        raise HostingError(
            N_("Hosting services are under the plan %(label)s.", label=target.label),
            code="plan_in_use",
            hint=N_("Move those first."),
        ) from error
    record(verb=PLAN_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED, before=before)


def _shown(plan: HostingPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in ("name", "for_resellers", "ssh", *LIMITS)}
