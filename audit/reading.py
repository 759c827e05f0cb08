"""Which audit events are about something: everybody who reads the events of rows asks here."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q


def about(ids: Iterable[Any], *kinds: str) -> Q:
    """The condition on events whose target is one of these rows.

    Args:
        ids: the rows' keys; they are text there. kinds: the types that targets of such rows are recorded with.
    """
    return Q(target_type__in=kinds, target_id__in=[str(key) for key in ids])
