"""Records every sign-in, sign-out and failed attempt."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.actors import actor_from_request
from accounts.models import User
from accounts.verbs import SIGN_IN, SIGN_IN_FAILED, SIGN_OUT
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from observability.logging import get_logger


@receiver(user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Somebody got in."""
    record(verb=SIGN_IN, actor=actor_from_request(request, user), target=Target.of(user), outcome=Outcome.SUCCEEDED)
    get_logger("user_login").info("signed in", user_id=str(user.pk), status="success")


@receiver(user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Somebody left."""
    if user is not None:
        record(verb=SIGN_OUT, actor=actor_from_request(request, user), target=user, outcome=Outcome.SUCCEEDED)
        get_logger("user_logout").info("signed out", user_id=str(user.pk), status="success")


@receiver(user_login_failed)
def sign_in_failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Somebody did not get in."""
    login = str(credentials.get("username", ""))[:190]
    ip = getattr(request, "client_ip", "") if request is not None else ""
    actor = Actor.anonymous(interface="admin", ip=ip, login=login)
    record(verb=SIGN_IN_FAILED, actor=actor, target=Target("user", "", login), outcome=Outcome.DENIED)
    get_logger("user_login").warning("sign-in refused", status="failed", error_code="bad_credentials")
