"""The wiring as a Django app: its commands and its system checks."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    """Has no models; registers checks."""

    name = "npanel"

    def ready(self) -> None:
        """Register the system checks."""
        from npanel import checks  # noqa: F401
