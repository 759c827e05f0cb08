"""Django's registration of the hosting app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HostingConfig(AppConfig):
    """Hosting."""

    name = "hosting"
    verbose_name = _("Hosting")

    def ready(self) -> None:
        """Register adapters, audit verbs, health targets, gauges, and the subjects that tokens' scopes name."""
        from accounts.scopes import register_subjects
        from hosting import adapters, belongings, checks, retained, signals_of_life, verbs  # noqa: F401
        from hosting.use_cases import READ_ONLY_SUBJECTS, SUBJECTS

        register_subjects(SUBJECTS, read_only=READ_ONLY_SUBJECTS - SUBJECTS)
        signals_of_life.register()
        retained.register()
        belongings.register()
