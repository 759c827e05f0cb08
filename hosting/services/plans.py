"""Hosting plans: the limits that are sold."""

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.errors import HostingError
from hosting.models import HostingPlan
from hosting.services.validation import save_valid
from hosting.verbs import PLAN_CHANGE, PLAN_CREATE, PLAN_DELETE

#: Names of the limits, as fields, command-line flags and audit events spell them.
LIMITS = tuple(field.name for field in HostingPlan._meta.concrete_fields if field.name not in ("id", "name"))


@transaction.atomic
def create_plan(*, actor: Actor, name: str, **limits: int | None) -> HostingPlan:
    """Add a plan.

    Args:
        limits: by the names in :data:`LIMITS`; None is unlimited.

    Raises:
        HostingError: ``invalid``.
    """
    plan = HostingPlan(name=name.strip(), **limits)
    save_valid(plan)
    record(verb=PLAN_CREATE, actor=actor, target=plan, outcome=Outcome.SUCCEEDED, after=_shown(plan))
    return plan


@transaction.atomic
def change_plan(*, actor: Actor, plan: HostingPlan, **values: Any) -> HostingPlan:
    """Change a plan's name or limits. Services take new limits on at their next operation.

    Raises:
        HostingError: ``invalid``.
    """
    before = _shown(HostingPlan.objects.get(pk=plan.pk))
    for name, value in values.items():
        setattr(plan, name, value)
    save_valid(plan)
    record(verb=PLAN_CHANGE, actor=actor, target=plan, outcome=Outcome.SUCCEEDED, before=before, after=_shown(plan))
    return plan


@transaction.atomic
def delete_plan(*, actor: Actor, plan: HostingPlan) -> None:
    """Remove a plan that no service is under.

    Raises:
        HostingError: ``plan_in_use``.
    """
    target, before = Target.of(plan), _shown(plan)
    try:
        plan.delete()
    except ProtectedError as error:
        raise HostingError(
            f"Hosting services are under the plan {target.label}.", code="plan_in_use", hint="Move those first."
        ) from error
    record(verb=PLAN_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED, before=before)


def _shown(plan: HostingPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in ("name", *LIMITS)}
