"""Inserts an event with one statement that is made once: the record is in every business transaction."""

from functools import lru_cache
from typing import Any

from django.db import connections, models

from audit.models import Event

_FIELDS = tuple(field for field in Event._meta.concrete_fields if not field.primary_key)
_NAMES = tuple(field.attname for field in _FIELDS)
#: Fields whose value is not the text itself.
_CONVERTED = tuple(
    (place, field) for place, field in enumerate(_FIELDS) if not isinstance(field, models.CharField | models.TextField)
)


def insert(event: Event, using: str) -> None:
    """Add an unsaved event; signals are not sent, nobody listens to events.

    Raises:
        DatabaseError: the database refuses.
        AppendOnlyViolation: the event exists.
    """
    if not event._state.adding:
        event.save(using=using)  # which refuses
    connection = connections[using]
    values: list[Any] = [getattr(event, name) for name in _NAMES]
    for place, field in _CONVERTED:
        values[place] = field.get_db_prep_save(values[place], connection)
    with connection.cursor() as cursor:
        cursor.execute(_statement(using), values)
        event.pk = connection.ops.last_insert_id(cursor, Event._meta.db_table, "id")
    event._state.adding, event._state.db = False, using


@lru_cache(maxsize=8)
def _statement(using: str) -> str:
    quote = connections[using].ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in _FIELDS)
    marks = ", ".join(["%s"] * len(_FIELDS))
    return f"INSERT INTO {quote(Event._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 - constants
