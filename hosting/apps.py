"""Django's registration of the hosting app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HostingConfig(AppConfig):
    """Hosting."""

    name = "hosting"
    verbose_name = _("Hosting")

    def ready(self) -> None:
        """Register adapters, audit verbs, health targets and gauges."""
        from hosting import adapters, checks, signals_of_life, verbs  # noqa: F401

        signals_of_life.register()
