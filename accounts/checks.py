"""System checks: what sign-in needs to be safe in production."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register


@register(deploy=True)
def addresses_are_set(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Links in letters need the panel's own addresses: a request's Host header is anybody's claim."""
    missing = [name for name in ("NPANEL_ADMIN_URL", "NPANEL_PORTAL_URL") if not getattr(settings, name)]
    return [
        Error(
            f"{name} is not set.", id="accounts.E001",
            hint=f"Set it to the address that people type, such as https://panel.example:2083 ({name}).",
        )
        for name in missing
    ]  # fmt: skip
