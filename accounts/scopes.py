"""What an API token may be for: scopes such as ``domain:write``, over the subjects that apps have registered."""

from collections.abc import Iterable

READ, WRITE = "read", "write"
ANY = "*"

_subjects: set[str] = set()


def register_subjects(names: Iterable[str]) -> None:
    """Declare subjects that scopes can name (an app does so when it is ready)."""
    _subjects.update(names)


def subjects() -> list[str]:
    """All subjects, sorted."""
    return sorted(_subjects)


def known_scopes() -> list[str]:
    """Every scope a token can have."""
    return [f"{subject}:{act}" for subject in (ANY, *subjects()) for act in (READ, WRITE)]


def allows(scopes: Iterable[str], subject: str, act: str) -> bool:
    """Whether a token with these scopes may do this. Writing does not include reading.

    Args:
        act: ``read`` or ``write``.
    """
    held = set(scopes)
    return f"{subject}:{act}" in held or f"{ANY}:{act}" in held
