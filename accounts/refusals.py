"""Records that somebody did not get in, and answers where they tried too often."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.interfaces import this_interface
from accounts.models import User
from accounts.throttle import Throttled
from accounts.user_agents import evidence
from accounts.verbs import SIGN_IN_FAILED, SIGN_IN_THROTTLED
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from audit.verbs import Verb
from observability import metrics
from observability.logging import get_logger
from observability.operations import USER_LOGIN_FAILED


def record_refusal(
    request: HttpRequest | None, login: str, why: str, *, user: User | None = None, verb: Verb = SIGN_IN_FAILED
) -> None:
    """One refused attempt as a login event, at the account it was aimed at (if there is one)."""
    login = login[:190]
    user = user or User.objects.filter(email=login.strip().lower()).first()
    target = Target.of(user) if user is not None else Target("accounts.user", "", login)
    actor = Actor.anonymous(interface=this_interface(), ip=getattr(request, "client_ip", ""), login=login)
    after = evidence(request) | {"why": why}
    record(verb=verb, actor=actor, target=target, outcome=Outcome.DENIED, after=after)
    metrics.login_attempted("throttled" if verb == SIGN_IN_THROTTLED else "failed")
    get_logger(USER_LOGIN_FAILED).warning("sign-in refused", status="failed", error_code=why)


def too_many(request: HttpRequest, limit: Throttled, login: str) -> HttpResponse:
    """429 with when to try again; recorded once per budget that ran out, counted each time."""
    if limit.first:
        record_refusal(request, login, "too_many_attempts", verb=SIGN_IN_THROTTLED)
    else:
        metrics.login_attempted("throttled")
    seconds = max(1, int((limit.until - timezone.now()).total_seconds()))
    context: dict[str, Any] = {"until": limit.until, "minutes": -(-seconds // 60)}
    response = render(request, "429.html", context, status=429)
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response
