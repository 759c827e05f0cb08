"""Turns Django's validation errors into the one error that crosses layers."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models

from hosting.errors import HostingError
from hosting.validators import refuse_control_characters


@contextmanager
def validated() -> Iterator[None]:
    """Run code that may raise ValidationError; it leaves as HostingError ``invalid`` naming the first field."""
    try:
        yield
    except ValidationError as error:
        raise _as_hosting_error(error) from error


def save_valid(instance: models.Model) -> None:
    """Check all fields and constraints of an instance, then save it. Call in a transaction.

    Raises:
        HostingError: ``invalid``, with the field at fault; ``taken``, when somebody else's transaction was faster.
    """
    with validated():
        instance.full_clean()
        _check_one_line_texts(instance)
    try:
        instance.save()
    except IntegrityError as error:
        raise HostingError(
            f"Somebody else has just taken what this {instance._meta.verbose_name} needs.",
            code="taken",
            hint="Try again.",
            permanent=False,
        ) from error


def _check_one_line_texts(instance: models.Model) -> None:
    """Texts of one line hold nothing that could end it where they are shown: terminals, logs, configuration files."""
    for field in instance._meta.concrete_fields:
        value = getattr(instance, field.attname)
        if isinstance(field, models.CharField) and isinstance(value, str):
            try:
                refuse_control_characters(value)
            except ValidationError as error:
                raise ValidationError({field.name: error.messages}) from error


def _as_hosting_error(error: ValidationError) -> HostingError:
    if not hasattr(error, "error_dict"):
        return HostingError(" ".join(error.messages), code="invalid")
    field, errors = next(iter(error.message_dict.items()))
    text = " ".join(errors)
    if field == NON_FIELD_ERRORS:
        return HostingError(text, code="invalid")
    return HostingError(f"{field}: {text}", code="invalid", field=field)
