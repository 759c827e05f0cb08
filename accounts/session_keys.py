"""Gives a session another key, and its row in the list of sessions with it."""

from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest

from accounts.models import User


def rotate(request: HttpRequest) -> None:
    """Another key after somebody proved more than before: whoever knew the former one is left outside."""
    former = request.session.session_key
    request.session.cycle_key()
    _follow(request, former)


def keep_after_password(request: HttpRequest, user: User) -> None:
    """Let this session go on with the new password."""
    former = request.session.session_key
    update_session_auth_hash(request, user)
    _follow(request, former)


def _follow(request: HttpRequest, former: str | None) -> None:
    UserSession.objects.filter(session_key=former).update(session_key=request.session.session_key)
