"""Keeps the triggers in place and their SQLite switch on."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    """The app that remembers."""

    name = "audit"
    verbose_name = _("Audit")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import checks, retained, watch  # noqa: F401 - registers the system checks
        from audit.triggers import recreate_triggers

        connection_created.connect(switch_on_recursive_triggers, dispatch_uid="audit.recursive_triggers")
        watch.register()
        retained.register()
        post_migrate.connect(recreate_triggers, sender=self, dispatch_uid="audit.recreate_triggers")


def switch_on_recursive_triggers(sender: Any, connection: Any, **kwargs: Any) -> None:
    """On SQLite let REPLACE fire the delete trigger (https://www.sqlite.org/pragma.html#pragma_recursive_triggers)."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers = ON")
