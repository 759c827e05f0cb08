"""Who may enter the portal, and how its views find what they are about: through selectors, so a stranger gets 404."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from accounts.actors import actor_from_request
from accounts.choices import Role
from accounts.models import User
from audit.actor import Actor
from hosting.policies import Policy, service_of

P = ParamSpec("P")
M = TypeVar("M", bound=Model)


class PortalRequest(HttpRequest):
    """A request of somebody who may use the portal.

    Args:
        actor: who it is, as services and audit events see them.
    """

    actor: Actor
    user: User


View = Callable[Concatenate[PortalRequest, P], HttpResponse]
Served = Callable[Concatenate[HttpRequest, P], HttpResponse]


def _only(*roles: Role) -> Callable[[View[P]], Served[P]]:
    def decorate(view: View[P]) -> Served[P]:
        @wraps(view)
        def served(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if getattr(request.user, "role", "") not in roles:
                raise PermissionDenied
            request.actor = actor_from_request(request)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)  # type: ignore[arg-type]

        return served

    return decorate


#: Customers' people and resellers; operators have an interface of their own, and get 403 here.
portal = _only(Role.CUSTOMER, Role.RESELLER)
#: Resellers alone.
for_resellers = _only(Role.RESELLER)


def find(rows: QuerySet[M], pk: Any) -> M:
    """The row among those the actor may see; anything else is not there (404)."""
    return get_object_or_404(rows, pk=pk)


def require(request: PortalRequest, use: str, subject: Model | None) -> None:
    """Answer 403 to somebody who sees the subject but may not do this with it.

    Raises:
        PermissionDenied: the policy says no.
    """
    if not Policy(request.actor).may(use, subject):
        raise PermissionDenied


def allowed(request: PortalRequest, subject: Model | None, *uses: str) -> dict[str, bool]:
    """Which of the use cases the actor may ask for, by name with an underscore for the dot, as templates need it.

    With a service that is deleted nothing can be done but restoring it.
    """
    policy, service = Policy(request.actor), service_of(subject)
    able = [use for use in uses if service is None or service.is_live or use == "service.restore"]
    return {use.replace(".", "_"): use in able and policy.may(use, subject) for use in uses}
