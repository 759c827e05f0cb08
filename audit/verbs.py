"""The registry of verbs: an event may only say what an app has declared that can happen."""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from audit.errors import UnknownVerb

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_MAX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that can happen: a stable dotted name (``service.create``) and a label for people."""

    name: str
    label: Any

    def __str__(self) -> str:
        return self.name


_verbs: dict[str, Verb] = {}


def register_verb(name: str, label: Any) -> Verb:
    """Declare a verb at import time of the app that owns it, and return it as a constant.

    Args:
        name: at least two lower-case words joined by dots, at most 64 characters.
        label: what people read; a lazy translation.

    Raises:
        ValueError: the name has another shape, or is taken by a verb with another label.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_LENGTH:
        raise ValueError(f"Verb {name!r} must be dotted lower-case words of at most {_MAX_LENGTH} characters.")
    known = _verbs.get(name)
    if known is not None and str(known.label) != str(label):
        raise ValueError(f"Verb {name!r} is already registered as {known.label!s}.")
    return _verbs.setdefault(name, Verb(name, label))


def get_verb(name: str) -> Verb:
    """Look a verb up by name.

    Raises:
        UnknownVerb: nobody has registered it.
    """
    try:
        return _verbs[name]
    except KeyError:
        raise UnknownVerb(f"The verb {name!r} is not registered.") from None


def registered_verbs() -> list[Verb]:
    """All verbs by name."""
    return [_verbs[name] for name in sorted(_verbs)]


AUDIT_REPLAYED = register_verb("audit.replay", _("Spooled audit events replayed"))
AUDIT_REPAIRED = register_verb("audit.repair", _("Audit triggers re-created"))
AUDIT_RETAINED = register_verb("audit.retain", _("Audit events archived or removed"))
AUDIT_ERASED = register_verb("audit.erase", _("Personal fields of the audit log erased"))
AUDIT_HELD = register_verb("audit.hold", _("Legal hold placed"))
AUDIT_RELEASED = register_verb("audit.release", _("Legal hold released"))
AUDIT_ACKNOWLEDGED = register_verb("audit.acknowledge", _("Break of the audit log acknowledged"))
