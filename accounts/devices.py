"""Knows a browser again in which somebody has signed in: a signed cookie that proves only that."""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.interfaces import this_interface

_SALT = "npanel.device"
_MAX_AGE_S = 180 * 24 * 3600
_KEPT = 5


def known(request: HttpRequest, account: str) -> str:
    """The id of this browser if the account was signed in to in it before, else ""."""
    return _read(request).get(account.strip().lower(), "")


def remember(request: HttpRequest, response: HttpResponse, account: str) -> None:
    """Let the browser be known for this account."""
    account, entries = account.strip().lower(), _read(request)
    identity = entries.pop(account, "") or secrets.token_urlsafe(12)
    kept = dict(list(entries.items())[-(_KEPT - 1) :]) | {account: identity}
    response.set_cookie(
        _name(), signing.dumps(kept, salt=_SALT, compress=True), max_age=_MAX_AGE_S, httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE), samesite="Strict",
    )  # fmt: skip


def _name() -> str:
    return f"npanel_{'portal' if this_interface() == 'customer' else 'admin'}_device"


def _read(request: HttpRequest) -> dict[str, str]:
    try:
        found: Any = signing.loads(request.COOKIES.get(_name(), ""), salt=_SALT, max_age=_MAX_AGE_S)
    except signing.BadSignature:
        return {}
    return dict(found) if isinstance(found, dict) else {}
