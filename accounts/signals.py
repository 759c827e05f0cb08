"""Marks each new session for its interface, and records every sign-in, sign-out and failed attempt."""

import time
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.actors import actor_from_request
from accounts.interfaces import SESSION_MARKER, this_interface
from accounts.middleware import SEEN_KEY
from accounts.models import User
from accounts.refusals import record_refusal
from accounts.user_agents import evidence
from accounts.verbs import SIGN_IN, SIGN_OUT
from audit.choices import Outcome
from audit.record import Target, record
from observability.logging import get_logger


@receiver(user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Somebody got in: the session is good on this interface alone."""
    request.session[SESSION_MARKER] = this_interface()
    request.session[SEEN_KEY] = int(time.time())
    records = request.session.get("account_authentication_methods") or []
    after = evidence(request) | {"with": [str(row.get("type") or row.get("method")) for row in records]}
    actor = actor_from_request(request, user)
    record(verb=SIGN_IN, actor=actor, target=Target.of(user), outcome=Outcome.SUCCEEDED, after=after)
    get_logger("user_login").info("signed in", user_id=str(user.pk), status="success")


@receiver(user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Somebody left."""
    if user is None:
        return
    UserSession.objects.filter(session_key=request.session.session_key or "").delete()
    actor, after = actor_from_request(request, user), evidence(request)
    record(verb=SIGN_OUT, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after=after)
    get_logger("user_logout").info("signed out", user_id=str(user.pk), status="success")


@receiver(user_login_failed)
def sign_in_failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Somebody did not get in."""
    login = str(credentials.get("email") or credentials.get("username") or "")
    record_refusal(request, login, "bad_credentials")
