"""Texts of one line: names and reasons end up in letters, terminals and logs."""

import re

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_lines(instance: models.Model) -> None:
    """Refuse control characters and line separators in every one-line text of an object.

    Raises:
        ValidationError: naming the fields.
    """
    found = {
        field.name: ValidationError(_("This can't hold control characters or line breaks."))
        for field in instance._meta.concrete_fields
        if isinstance(field, models.CharField) and _FORBIDDEN.search(str(getattr(instance, field.attname) or ""))
    }
    if found:
        raise ValidationError(found)
