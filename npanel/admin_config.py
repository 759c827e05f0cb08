"""Puts NPanel's own site in the place of Django's default admin."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Django's admin with NPanel's site; the audit log replaces the admin's own."""

    default_site = "npanel.admin_site.ConsoleSite"
