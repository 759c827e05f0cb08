"""What an API token may be for: scopes such as ``domain:write``, over the subjects that apps have registered."""

from collections.abc import Iterable

READ, WRITE = "read", "write"
ANY = "*"

_subjects: dict[str, tuple[str, ...]] = {ANY: (READ, WRITE)}


def register_subjects(names: Iterable[str], *, read_only: Iterable[str] = ()) -> None:
    """Declare subjects that scopes can name (an app does so when it is ready)."""
    _subjects.update(dict.fromkeys(names, (READ, WRITE)))
    _subjects.update(dict.fromkeys(read_only, (READ,)))


def known_scopes() -> list[str]:
    """Every scope a token can have."""
    return [f"{subject}:{act}" for subject, acts in sorted(_subjects.items()) for act in acts]


def allows(scopes: Iterable[str], subject: str, act: str) -> bool:
    """Whether a token with these scopes may do this. Writing does not include reading.

    Args:
        act: ``read`` or ``write``.
    """
    held = set(scopes)
    return f"{subject}:{act}" in held or f"{ANY}:{act}" in held
