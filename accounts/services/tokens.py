"""What can be done with API tokens: make one, revoke one, find the one that a request shows."""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.choices import Role
from accounts.models import ApiToken, User
from accounts.scopes import known_scopes
from accounts.verbs import TOKEN_CREATE, TOKEN_REVOKE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from observability.client_ip import is_within, parse_address

LONGEST = timedelta(days=365)
#: Networks a token may be bound to, at most.
MOST_CIDRS = 20
_USED_EVERY = timedelta(minutes=1)
_SCHEME = "np"
_PREFIX_LENGTH = 10
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
#: Compared with when there is no token of that prefix, so that both refusals take the same time.
_NO_DIGEST = "0" * 64


@transaction.atomic
def create_token(
    *,
    actor: Actor,
    user: User,
    name: str,
    scopes: Iterable[str],
    cidrs: Iterable[str] = (),
    expires_in: timedelta | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token for a person. It never may more than the person, and dies with their account.

    Args:
        scopes: ``<subject>:read`` or ``<subject>:write``; ``*`` stands for every subject.
        cidrs: networks it may be used from; none: from anywhere.
        expires_in: its life, at most a year; or ``expires_at``, its end.

    Returns:
        The row, and the token itself: only its digest is kept, so this is the one time it can be shown.

    Raises:
        ValidationError: naming the field.
    """
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_LENGTH))
    secret = secrets.token_urlsafe(32)
    token = ApiToken(
        user=user,
        name=name.strip(),
        prefix=prefix,
        digest=_digest(secret),
        scopes=_checked_scopes(scopes),
        cidrs=_checked_cidrs(cidrs),
        expires_at=_checked_end(expires_in, expires_at),
    )
    token.full_clean()
    token.save()
    record(
        verb=TOKEN_CREATE,
        actor=actor,
        target=token,
        outcome=Outcome.SUCCEEDED,
        after={"for": user.email, "scope": token.scopes, "cidrs": token.cidrs, "expires": token.expires_at},
    )
    return token, f"{_SCHEME}_{prefix}_{secret}"


@transaction.atomic
def revoke_token(*, actor: Actor, token: ApiToken) -> None:
    """End a token now. One that was revoked before stays so, and nothing is recorded twice."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        token.refresh_from_db()
        record(verb=TOKEN_REVOKE, actor=actor, target=token, outcome=Outcome.SUCCEEDED, after={"for": token.user.email})


def find_token(text: str, ip: str) -> ApiToken | None:
    """The live token that a text is, used from an address it may be used from; None otherwise, whatever the reason.

    Args:
        text: what the client sent, ``np_<prefix>_<secret>``.
        ip: the client's address.
    """
    scheme, _first, rest = text.partition("_")
    prefix, _second, secret = rest.partition("_")
    token = ApiToken.objects.select_related("user__reseller").filter(prefix=prefix).first()
    if not hmac.compare_digest(token.digest if token else _NO_DIGEST, _digest(secret)) or token is None:
        return None
    return token if scheme == _SCHEME and _lives(token) and _from_there(token, ip) else None


def note_use(token: ApiToken, ip: str) -> None:
    """Remember when and from where a token was used, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - _USED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_EVERY)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now, last_used_ip=ip or None)


def _lives(token: ApiToken) -> bool:
    user = token.user
    works = user.role != Role.RESELLER or (user.reseller is not None and user.reseller.is_active)
    return (
        token.revoked_at is None and token.expires_at > timezone.now() and user.is_active and works and _enrolled(user)
    )


def _enrolled(user: User) -> bool:
    """An operator without second factor gets no further with a token than with a password."""
    if not settings.NPANEL_REQUIRE_STAFF_2FA or not user.is_staff:
        return True
    factors = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return Authenticator.objects.filter(user=user, type__in=factors).exists()


def _from_there(token: ApiToken, ip: str) -> bool:
    return not token.cidrs or is_within(parse_address(ip), tuple(token.cidrs))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = sorted({scope.strip() for scope in scopes})
    unknown = [scope for scope in wanted if scope not in known_scopes()]
    if unknown or not wanted:
        text = _("There is no scope %(name)s.") % {"name": unknown[0][:60]} if unknown else _("Choose a scope.")
        raise ValidationError({"scopes": text})
    return wanted


def _checked_cidrs(cidrs: Iterable[str]) -> list[str]:
    found = [text.strip() for text in cidrs if text.strip()]
    if len(found) > MOST_CIDRS:
        raise ValidationError({"cidrs": _("At most %(count)d networks.") % {"count": MOST_CIDRS}})
    try:
        return [str(ipaddress.ip_network(text, strict=False)) for text in found]
    except ValueError as error:
        raise ValidationError({"cidrs": _("Write networks as 192.0.2.0/24 or 2001:db8::/32.")}) from error


def _checked_end(expires_in: timedelta | None, expires_at: datetime | None) -> datetime:
    now = timezone.now()
    end = expires_at or now + min(expires_in or LONGEST, 2 * LONGEST)
    if not now < end <= now + LONGEST + timedelta(minutes=1):
        raise ValidationError({"expires_at": _("A token lives for a year at most, and ends in the future.")})
    return end
