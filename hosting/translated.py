"""The one place where what an error says gets a language: that of the person who looks (every door asks here)."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.functional import lazy
from django.utils.translation import gettext, ngettext, override

from hosting.errors import HostingError, stored_texts
from hosting.texts import Text


def translated(error: HostingError | Mapping[str, Any] | None) -> tuple[str, str]:
    """Detail and hint in the active language, of an error or of one that was stored (as JSON); "" for nothing."""
    if isinstance(error, HostingError):
        return told(error.detail_text), told(error.hint_text)
    detail, hint = stored_texts(error or {})
    return told(detail), told(hint)


def translated_sentence(error: HostingError | Mapping[str, Any] | None) -> str:
    """Detail and hint in one line."""
    return " ".join(translated(error)).strip()


lazily_translated = lazy(translated_sentence, str)


def told(text: Text) -> str:
    """A text in the active language."""
    return text.told(gettext, ngettext)


def english(words: object, *, lower: bool = False) -> Text:
    """Lazily translated words (a label, a verbose name) as a Text, to be put into another one."""
    with override(None):
        return Text(str(words), lower=lower)


def shown(row: models.Model, field: str, *, lower: bool = True) -> Text:
    """The label of a row's choice, as a rule for the inside of a sentence: ``suspended``."""
    with override(None):
        return Text(str(getattr(row, f"get_{field}_display")()), lower=lower)
