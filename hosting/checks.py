"""Django system checks of the hosting app, with stable ids and hints."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register("hosting")
def check_keys(**kwargs: Any) -> list[CheckMessage]:
    """Web processes can seal; the private key is not readable by others."""
    found: list[CheckMessage] = []
    private = settings.NPANEL_WORKER_PRIVATE_KEYS
    try:
        loose = private.stat().st_mode & 0o077
    except OSError:
        loose = 0
    if loose:
        found.append(
            Error(f"{private} can be read by others.", hint="chmod 600, owned by the worker's user.", id="hosting.E001")
        )
    if settings.PRODUCTION and not settings.NPANEL_WORKER_PUBLIC_KEYS.exists():
        found.append(
            Error("The worker's public key is missing.", hint="manage.py worker_key --init", id="hosting.E002")
        )
    return found
