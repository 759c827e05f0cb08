"""How often somebody may ask: each token so often, and each address without a (good) token.

Each process counts for itself, in memory. This keeps threads free; it guards no secret (a token can't be guessed, and
sign-in has budgets in the database, accounts/throttle.py), so it is not worth a write for every request.
"""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import ApiToken
from accounts.throttle import network


class _Throttle(SimpleRateThrottle):
    cache = caches["counters"]


class TokenThrottle(_Throttle):
    """So many requests of one token."""

    scope = "api-token"

    def get_rate(self) -> str:
        """From the settings."""
        return str(settings.NPANEL_API_RATE_TOKEN)

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """By token; None (no limit of this kind) without one."""
        return f"throttle:{self.scope}:{request.auth.pk}" if isinstance(request.auth, ApiToken) else None


class AddressThrottle(_Throttle):
    """So many requests from one address without a token."""

    scope = "api-address"

    def get_rate(self) -> str:
        """From the settings."""
        return str(settings.NPANEL_API_RATE_ADDRESS)

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """By address; None with a token."""
        return None if isinstance(request.auth, ApiToken) else self.key_of(request)

    def key_of(self, request: Request) -> str:
        """The key of the request's address; of IPv6 the /64, which is one line."""
        return f"throttle:{self.scope}:{network(request._request)}"


class RefusedThrottle(AddressThrottle):
    """Counts requests whose token was refused, together with those that have none."""

    def get_cache_key(self, request: Request, view: Any) -> str:
        """By address; whose token it is nobody knows."""
        return self.key_of(request)


def count_refusal(request: Request, view: Any) -> None:
    """Count a request without a token, or with a refused one, against the address it came from.

    Raises:
        Throttled: there were too many.
    """
    throttle = RefusedThrottle()
    if not throttle.allow_request(request, view):
        raise Throttled(throttle.wait())
