"""Django system checks of the hosting app, with stable ids and hints."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register("hosting")
def check_keys(**kwargs: Any) -> list[CheckMessage]:
    """The worker's private key is not readable by others."""
    private = settings.NPANEL_WORKER_PRIVATE_KEYS
    try:
        loose = private.stat().st_mode & 0o077
    except OSError:
        loose = 0
    hint = "chmod 600, owned by the worker's user."
    return [Error(f"{private} can be read by others.", hint=hint, id="hosting.E001")] if loose else []


@register("hosting", deploy=True)
def check_can_seal(**kwargs: Any) -> list[CheckMessage]:
    """Every process can seal secrets to the worker."""
    if settings.NPANEL_WORKER_PUBLIC_KEYS.exists():
        return []
    return [Error("The worker's public key is missing.", hint="manage.py worker_key --init", id="hosting.E002")]
