"""Reads rows again under a lock: what a caller holds may have been changed or deleted by somebody else since."""

from typing import TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from hosting.errors import HostingError
from hosting.texts import N_

M = TypeVar("M", bound=models.Model)


def reread(instance: M, *related: str, lock: bool = False) -> M:
    """The row of an instance as it is now, as another instance, so that a second try finds the first one unchanged.

    Args:
        related: foreign keys to read along.
        lock: lock the row until the transaction ends (not together with ``related``).

    Raises:
        HostingError: ``not_found``.
    """
    rows = type(instance)._default_manager.all()
    rows = rows.select_related(*related) if related else rows
    try:
        return (rows.select_for_update() if lock else rows).get(pk=instance.pk)
    except ObjectDoesNotExist as error:
        raise HostingError(
            N_("%(what)s is not there any more.", what=instance),
            code="not_found",
            hint=N_("Somebody has just deleted it. Look at the list again."),
        ) from error
