"""Turns Django's validation errors into the one error that crosses layers."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models
from django.utils.translation import gettext as _

from hosting.errors import HostingError
from hosting.texts import N_
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
        check_texts(instance)
    try:
        instance.save()
    except IntegrityError as error:
        raise HostingError(
            N_(
                "Somebody else has just taken what this %(verbose_name)s needs.",
                verbose_name=instance._meta.verbose_name,
            ),
            code="taken",
            hint=N_("Try again."),
            permanent=False,
        ) from error


def check_texts(instance: models.Model) -> None:
    """What Django's own check leaves out: empty texts in fields that no form shows, long texts, and control characters.

    One line's text holds nothing that could end it where it is shown: terminals, logs, configuration files.

    Raises:
        ValidationError: naming the fields.
    """
    found: dict[str, list[str]] = {}
    for field in instance._meta.concrete_fields:
        value = getattr(instance, field.attname)
        if isinstance(field, models.CharField | models.TextField) and isinstance(value, str):
            try:
                _check_text(field, value)
            except ValidationError as error:
                found[field.name] = error.messages
    if found:
        raise ValidationError(found)


def _check_text(field: "models.Field[str, str]", value: str) -> None:
    if not value and not field.blank:
        raise ValidationError(str(field.error_messages["blank"]))
    if field.max_length is not None and len(value) > field.max_length:
        raise ValidationError(_("This is longer than %(limit)d characters.") % {"limit": field.max_length})
    if isinstance(field, models.CharField):
        refuse_control_characters(value)


def _as_hosting_error(error: ValidationError) -> HostingError:
    if not hasattr(error, "error_dict"):
        return HostingError(" ".join(error.messages), code="invalid")
    field, errors = next(iter(error.message_dict.items()))
    text = " ".join(errors)
    if field == NON_FIELD_ERRORS:
        return HostingError(text, code="invalid")
    return HostingError(N_("%(field)s: %(text)s", field=field, text=text), code="invalid", field=field)
