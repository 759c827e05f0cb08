"""Who calls: the bearer of an API token. There is no other way to sign in here."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.services.tokens import find_token, note_use
from audit.actor import Actor, ActorType
from observability.logging import get_logger
from observability.operations import TOKEN_USE


class TokenAuthentication(BaseAuthentication):
    """Reads ``Authorization: Bearer np_…``; a token that is unknown, ended or used from elsewhere is refused alike."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The person and their token; None without the header."""
        scheme, _blank, text = get_authorization_header(request).decode("latin-1").strip().partition(" ")
        if not scheme:
            return None
        ip = client_address(request)
        token = find_token(text.strip(), ip) if scheme.lower() == "bearer" else None
        if token is None:
            get_logger(TOKEN_USE).warning("token refused", status="failed", error_code="bad_token")
            raise AuthenticationFailed(_("The token is not known, has ended, or may not be used from this address."))
        note_use(token, ip)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="npanel"'


def client_address(request: Request | HttpRequest) -> str:
    """The client's address as the request middleware found it."""
    return str(getattr(request, "client_ip", ""))


def actor_of(request: Any) -> Actor:
    """The bearer as services and audit events see them: the person, by which token."""
    user, token = request.user, request.auth
    if not isinstance(user, User) or not isinstance(token, ApiToken):
        return Actor.anonymous(interface="api", ip=client_address(request))
    return Actor(
        type=ActorType.TOKEN,
        id=str(user.pk),
        login=user.email,
        role=user.role,
        interface="api",
        ip=client_address(request),
        session_digest=token.prefix,
    )
