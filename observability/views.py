"""Answers the probes of load balancers, of Prometheus and of operators."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from observability.access import may_read_metrics
from observability.exposition import exposition
from observability.health import history
from observability.health.runner import local_checks, run_checks
from observability.readiness import reasons_not_ready

_HEALTH_CACHE_KEY = "npanel:health"


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: touches no database, cache or disk, so that only a dead process fails it."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready to serve: database, cache, migrations and the worker's heartbeat; else 503 with the reasons."""
    reasons = reasons_not_ready()
    return JsonResponse({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)


@login_not_required
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """All health signals for staff and for monitoring; 503 when something is down."""
    if not (may_read_metrics(request) or _is_staff(request)):
        raise PermissionDenied
    answer = _cached_health()
    return JsonResponse(answer, status=503 if answer["status"] == "down" else 200)


@login_not_required
@never_cache
@require_safe
def prometheus_view(request: HttpRequest) -> HttpResponse:
    """The metrics of all processes, for the scraper only."""
    if not may_read_metrics(request):
        raise PermissionDenied
    body, content_type = exposition(request.headers.get("Accept", ""))
    return HttpResponse(body, content_type=content_type)


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_active and getattr(user, "is_staff", False))


def _cached_health() -> dict[str, Any]:
    """The latest run, at most NPANEL_HEALTH_CACHE_SECONDS old: far nodes must not make each answer slow."""
    seconds = int(getattr(settings, "NPANEL_HEALTH_CACHE_SECONDS", 10))
    cached = _from_cache() if seconds else None
    if cached is not None:
        return cached
    answer = _measured()
    if seconds:
        _to_cache(answer, seconds)
    return answer


def _measured() -> dict[str, Any]:
    """What the worker saw lately; web processes have no keys to nodes, and look at what is left themselves."""
    if getattr(settings, "NPANEL_INTERFACE", "command") not in ("admin", "customer"):
        return run_checks().as_dict()
    try:
        periods = history.current()
    except DatabaseError:
        periods = []  # which the database's own check tells in its place
    return history.as_dict(periods) if periods else run_checks(local_checks()).as_dict()


def _from_cache() -> dict[str, Any] | None:
    try:
        return cache.get(_HEALTH_CACHE_KEY)
    except Exception:  # noqa: BLE001 - any cache backend's own error; without a cache we measure
        return None


def _to_cache(answer: dict[str, Any], seconds: int) -> None:
    try:
        cache.set(_HEALTH_CACHE_KEY, answer, seconds)
    except Exception as error:  # noqa: BLE001 - health must be told even when the cache is down
        answer["cache"] = type(error).__name__
