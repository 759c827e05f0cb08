"""The operators' console: Django's admin under NPanel's name, rules and look."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class ConsoleSite(AdminSite):
    """NPanel's console."""

    site_header = "NPanel"
    site_title = "NPanel"
    index_title = _("What needs me now?")
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Only operators get in."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))
