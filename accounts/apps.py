"""Django's registration of the accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Accounts."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Register audit verbs and the recording of sign-ins."""
        from accounts import checks, signals, used_codes, verbs  # noqa: F401
        from accounts.services.impersonation import running
        from observability.metrics import GaugeSample, register_gauge_provider

        used_codes.install()
        register_gauge_provider(lambda: [GaugeSample("npanel_auth_impersonation_active", running())])
