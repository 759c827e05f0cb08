"""Turns Django's validation errors into the one error that crosses layers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from hosting.errors import HostingError
from hosting.texts import N_, Text, join, plain
from hosting.translated import english
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
                "Somebody else has just taken what this %(kind)s needs.",
                kind=english(instance._meta.verbose_name),
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
    found: dict[str, ValidationError] = {}
    for field in instance._meta.concrete_fields:
        value = getattr(instance, field.attname)
        if isinstance(field, models.CharField | models.TextField) and isinstance(value, str):
            try:
                _check_text(field, value)
            except ValidationError as error:
                found[field.name] = error
    if found:
        raise ValidationError(found)


def _check_text(field: "models.Field[str, str]", value: str) -> None:
    if not value and not field.blank:
        raise ValidationError(field.error_messages["blank"], code="blank")
    if field.max_length is not None and len(value) > field.max_length:
        raise ValidationError(_("This is longer than %(limit)d characters."), params={"limit": field.max_length})
    if isinstance(field, models.CharField):
        refuse_control_characters(value)


def _as_hosting_error(error: ValidationError) -> HostingError:
    if not hasattr(error, "error_dict"):
        return HostingError(_all(error.error_list), code="invalid")
    field, errors = next(iter(error.error_dict.items()))
    if field == NON_FIELD_ERRORS:
        return HostingError(_all(errors), code="invalid")
    return HostingError(join([plain(field), _all(errors)], ": "), code="invalid", field=field)


def _all(errors: Iterable[ValidationError]) -> Text:
    return join(_text(error) for error in errors)


def _text(error: ValidationError) -> Text:
    """What one error says, with its values apart where its message is of our form (not one with plural forms)."""
    with override(None):
        words, template = " ".join(error.messages), str(error.message)
    values = error.params if isinstance(error.params, dict) else {}
    text = Text(template, {name: str(value) for name, value in values.items()})
    return text if str(text) == words else plain(words)
