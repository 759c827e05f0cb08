"""The door for Alertmanager: each alert it tells becomes an incident, or ends one."""

import hmac
import json
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.throttle import network
from audit.actor import Actor
from audit.choices import ActorType
from audit.errors import AuditWriteFailed
from hosting.services.incidents import Alert, read_alert, receive
from observability.client_ip import client_ip
from observability.logging import get_logger
from observability.operations import ALERT_RECEIVE

_MOST_BYTES, _MOST_ALERTS = 1_048_576, 200
_A_MINUTE = 120


@csrf_exempt
@login_not_required
@never_cache
@require_POST
def alertmanager(request: HttpRequest) -> HttpResponse:
    """Take a group of alerts; 503 while the database is away, so that Alertmanager tells them again."""
    if not _has_token(request):
        # Alertmanager itself is never counted: when much breaks at once it tells much, and 429 is no answer it retries.
        return _answer("a bearer token is needed", 401) if _within_rate(request) else _answer("too many requests", 429)
    if int(request.META.get("CONTENT_LENGTH") or 0) > _MOST_BYTES:
        return _answer("too large", 413)
    try:
        alerts = _alerts(request.body)
    except (ValueError, RecursionError):
        return _answer("not what Alertmanager sends", 400)
    try:
        changed = [receive(actor=_actor(request), alert=alert) for alert in alerts]
    except (DatabaseError, InterfaceError, AuditWriteFailed) as error:
        get_logger(ALERT_RECEIVE).error("alerts could not be kept", status="failed", exc_info=error)
        return _answer("try again", 503)
    get_logger(ALERT_RECEIVE).info(
        "alerts received", status="success", alerts=len(alerts), incidents=sum(one is not None for one in changed)
    )
    return _answer("ok", 200)


def _answer(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain")


def _within_rate(request: HttpRequest) -> bool:
    """Whether this address came without the token at most 120 times in a minute; each process counts for itself."""
    key, counters = f"alert-hook:{network(request)}", caches["counters"]
    if counters.add(key, 1, 60):
        return True
    try:
        return bool(counters.incr(key) <= _A_MINUTE)
    except ValueError:  # the minute ended between the two
        return True


def _has_token(request: HttpRequest) -> bool:
    expected = str(settings.NPANEL_ALERT_TOKEN)
    scheme, _, given = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    same = hmac.compare_digest(given.strip().encode(), expected.encode())
    return bool(expected) and scheme.lower() == "bearer" and same


def _alerts(body: bytes) -> list[Alert]:
    raw: Any = json.loads(body)
    rows = raw.get("alerts") if isinstance(raw, dict) else None
    if not isinstance(rows, list) or len(rows) > _MOST_ALERTS:
        raise ValueError("no list of alerts, or too many")
    return [read_alert(row) for row in rows]


def _actor(request: HttpRequest) -> Actor:
    return Actor(
        type=ActorType.SYSTEM, id="alertmanager", login="Alertmanager", interface="admin", ip=client_ip(request)
    )
