"""Django system checks of the audit table, with the doctor's stable ids (audit.W001 …).

They are warnings, because ``migrate`` runs them before it re-creates missing triggers and must not refuse to;
``check --database default --fail-level WARNING`` and ``audit_doctor`` are the ones that fail.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from audit.doctor import examine, table_exists


@register(Tags.database)
def check_append_only(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report what the doctor finds, once the table exists."""
    return [
        Warning(finding.message, hint=finding.hint, id=finding.code)
        for alias in databases or ()
        if alias == "default" and table_exists(connections[alias])
        for finding in examine(alias)
        if finding.is_error
    ]
