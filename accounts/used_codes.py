"""One-time codes that were used: kept in rows of our own, where nobody's requests can push them out."""

import hashlib
from datetime import timedelta

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.totp.internal.auth import TOTP
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Attempts


def install() -> None:
    """Let allauth mark codes here; it would in the cache, which forgets when it is full."""
    TOTP._mark_code_used = _mark_used


def _mark_used(app: TOTP, code: str) -> bool:
    """Mark a code as used; False if it was already, within the time it is good for."""
    now = timezone.now()
    until = now + timedelta(seconds=app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1))
    text = f"{app.instance.user_id}\n{normalize_user_code(code)}"
    key = f"code:{hashlib.sha256(text.encode()).hexdigest()[:40]}"
    if Attempts.objects.filter(key=key, until__lte=now).update(until=until):
        return True  # the same digits, another time
    try:
        with transaction.atomic():
            Attempts.objects.create(key=key, used=1, until=until)
    except IntegrityError:
        return False
    return True
