"""Starts the counters and ties the statement timer to database connections."""

import atexit
import os

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class ObservabilityConfig(AppConfig):
    """The app that logs, counts and probes."""

    name = "observability"
    verbose_name = _("Observability")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from observability import metrics
        from observability.database import time_statements
        from observability.log_files import LogFiles
        from observability.retained import register_kind

        register_kind(LogFiles())
        metrics.initialise_known_labels()
        connection_created.connect(time_statements, dispatch_uid="observability.time_statements")
        # A short command (`manage.py health` each minute) must not leave files behind for ever.
        atexit.register(lambda: metrics.mark_process_dead(os.getpid()))
