"""Which interface this process serves, who may be on it, and what its address is."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.choices import Role
from observability.client_ip import is_trusted_peer

ADMIN, CUSTOMER = "admin", "customer"

#: Where the console sends an impersonation's ticket, and where letters send people who have no password yet: the other
#: interface may be another process on another machine, so its paths are part of the contract.
IMPERSONATE_PATH = "/portal/account/impersonate/"
RESET_PATH = "/portal/account/password/reset/"

#: Under this key a session says for which interface it was made; on the other it is worth nothing.
SESSION_MARKER = "npanel_interface"


def this_interface() -> str:
    """``customer`` or ``admin``; commands and the worker count as the operators'."""
    return CUSTOMER if settings.NPANEL_INTERFACE == CUSTOMER else ADMIN


def may_enter(user: Any, interface: str = "") -> bool:
    """Whether a person's role belongs on an interface (by default on this one)."""
    if (interface or this_interface()) == ADMIN:
        return bool(user.is_staff)
    if user.role == Role.RESELLER:
        return user.reseller is not None and user.reseller.is_active
    return bool(user.role == Role.CUSTOMER)


def is_unified(request: HttpRequest) -> bool:
    """Whether a request came through development's port for both interfaces, where tokens of either kind are taken.

    nginx says so in a header that it never passes on from a client; it is believed from nginx alone.
    """
    said = request.META.get("HTTP_X_NPANEL_UNIFIED") == "1"
    return said and not settings.PRODUCTION and is_trusted_peer(request)


def address(path: str = "", interface: str = "") -> str:
    """An address for letters: it begins with the interface's setting, never with a request's Host header."""
    customers = (interface or this_interface()) == CUSTOMER
    return f"{settings.NPANEL_PORTAL_URL if customers else settings.NPANEL_ADMIN_URL}{path}"
