"""Which hosting service something is for: the one there is, the one in the address, or the one that is chosen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from hosting import selectors
from hosting.choices import ServiceState
from hosting.models import HostingService
from hosting.numbers import row_number
from hosting.policies import Policy
from hosting.portal.access import PortalRequest, find
from hosting.portal.pages import page

LIVE = (ServiceState.ACTIVE, ServiceState.PROVISIONING, ServiceState.ERROR)
#: Services offered to choose from; a reseller with more begins on a service's page.
_OFFERED = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """The service, or those that could be meant.

    Args:
        service: the one, or None when somebody has to choose first.
    """

    service: HostingService | None
    offered: tuple[HostingService, ...]

    @property
    def any(self) -> bool:
        """Whether there is a service for which the actor may do it."""
        return self.service is not None or bool(self.offered)

    def page(self, request: PortalRequest, title: Any, back: str, section: str) -> HttpResponse:
        """The page that asks for which service it is; 403 when there is none.

        Raises:
            PermissionDenied: the actor may do this for no service.
        """
        if not self.offered:
            raise PermissionDenied
        context = {"title": title, "services": self.offered, "back": back}
        return page(request, "portal/choose_service.html", context, section=section)


def chosen_service(request: PortalRequest, use: str) -> Choice:
    """The service that ``?service=`` names, the only one for which the actor may do it, or several.

    Raises:
        Http404: the one named is not among those the actor may see.
    """
    rows = selectors.services(request.actor).prefetch_related("domains")
    asked = request.GET.get("service", "")
    if asked:
        return Choice(find(rows, row_number(asked) or 0), ())
    able = tuple(able_to(request, use, rows.filter(state__in=LIVE).order_by("username")[:_OFFERED]))
    return Choice(able[0] if len(able) == 1 else None, able)


def able_to(request: PortalRequest, use: str, live: Iterable[HostingService]) -> list[HostingService]:
    """Those of some live services for which the actor may do something; the policy is asked once for each customer."""
    policy, answers = Policy(request.actor), dict[int, bool]()
    able = []
    for row in live:
        if row.customer_id not in answers:
            answers[row.customer_id] = policy.may(use, row)
        if answers[row.customer_id]:
            able.append(row)
    return able
