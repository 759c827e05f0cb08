"""Turns Django's validation errors into the one error that crosses layers."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from hosting.errors import HostingError


@contextmanager
def validated() -> Iterator[None]:
    """Run code that may raise ValidationError; it leaves as HostingError ``invalid`` naming the first field."""
    try:
        yield
    except ValidationError as error:
        raise _as_hosting_error(error) from error


def save_valid(instance: models.Model) -> None:
    """Check all fields and constraints of an instance, then save it.

    Raises:
        HostingError: ``invalid``, with the field at fault.
    """
    with validated():
        instance.full_clean()
    instance.save()


def _as_hosting_error(error: ValidationError) -> HostingError:
    if not hasattr(error, "error_dict"):
        return HostingError(" ".join(error.messages), code="invalid")
    field, errors = next(iter(error.message_dict.items()))
    text = " ".join(errors)
    if field == NON_FIELD_ERRORS:
        return HostingError(text, code="invalid")
    return HostingError(f"{field}: {text}", code="invalid", field=field)
