"""Django's ``flush``, which refuses to empty a database whose audit table is protected and holds events.

On MariaDB it would use TRUNCATE, which fires no trigger. Tests flush inside :func:`audit.testing.allow_flush`.
"""

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import flush
from django.db import connections

from audit.doctor import table_exists
from audit.models import Event
from audit.triggers import expected_triggers, missing_triggers


class Command(flush.Command):
    """``manage.py flush``, for databases without a history."""

    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        if table_exists(connection):
            is_protected = len(missing_triggers(connection)) < len(expected_triggers(connection))
            if is_protected and Event.objects.using(options["database"]).exists():
                raise CommandError("This database holds audit events, which are never deleted. Nothing was flushed.")
        super().handle(**options)
