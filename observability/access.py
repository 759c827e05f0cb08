"""Decides who may read /metrics and /health: loopback, configured networks, or the holder of the bearer token."""

import hmac

from django.conf import settings
from django.http import HttpRequest

from observability.client_ip import client_ip, is_trusted_peer, is_within, parse_address

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def may_read_metrics(request: HttpRequest) -> bool:
    """Whether ``request`` comes from an allowed network or carries NPANEL_METRICS_TOKEN."""
    return _from_allowed_network(request) or _has_token(request)


def _from_allowed_network(request: HttpRequest) -> bool:
    forwarded = any(request.META.get(header) for header in _FORWARDED)
    if forwarded and not is_trusted_peer(request):
        return False  # an unknown proxy on this host makes everyone look like loopback
    allowed = tuple(getattr(settings, "NPANEL_METRICS_ALLOW", _LOOPBACK))
    return is_within(parse_address(client_ip(request)), allowed)


def _has_token(request: HttpRequest) -> bool:
    expected = str(getattr(settings, "NPANEL_METRICS_TOKEN", "") or "")
    scheme, _, given = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if not expected or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), expected.encode())
