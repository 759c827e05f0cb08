"""What a name stands for: an app that knows says under which ids logs, operations and audit events have it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Known:
    """What a name is known to stand for; the name alone where nobody knows more.

    Args:
        names: all names that it goes or went by, as they were written, the one that was asked for first.
        tenants: customers' ids, as lines have them under ``tenant_id``.
        targets: ids by type, as audit events have them.
        people: ids of people, as lines have them under ``user_id``.
    """

    names: tuple[str, ...]
    tenants: tuple[str, ...] = ()
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    people: tuple[str, ...] = ()

    @property
    def target_keys(self) -> list[str]:
        """The targets as ``type:id``."""
        return [f"{kind}:{key}" for kind, keys in self.targets.items() for key in keys]

    @property
    def words(self) -> list[bytes]:
        """How the names stand in a line of JSON, in lower case (lines are written in ASCII)."""
        return [as_in_line(name) for name in dict.fromkeys(name.lower() for name in self.names)]

    @property
    def marks(self) -> list[bytes]:
        """What else stands in lines that are about it, in lower case."""
        return [*self._ids, *(json.dumps(key).lower().encode() for key in self.target_keys)]

    @property
    def needles(self) -> list[bytes]:
        """One of these stands in each line that may be about it."""
        return [*self.words, *self.marks]

    @property
    def log_needles(self) -> list[bytes]:
        """The same for lines of logs, which have no targets: the fewer, the faster a file is searched."""
        return [*self.words, *self._ids]

    @property
    def _ids(self) -> list[bytes]:
        pairs = [("tenant_id", tenant) for tenant in self.tenants] + [("user_id", person) for person in self.people]
        return [f'"{name}":{json.dumps(value)}'.lower().encode() for name, value in pairs]


Needles = Sequence[Sequence[bytes]]
Resolver = Callable[[str], Known | None]
_resolvers: list[Resolver] = []


def register_names(resolver: Resolver) -> None:
    """Have ``resolver(name)`` say what a name stands for (None: it does not know it)."""
    if resolver not in _resolvers:
        _resolvers.append(resolver)


def known(name: str) -> Known:
    """What a name stands for."""
    for resolver in _resolvers:
        found = resolver(name)
        if found is not None:
            return found
    return Known((name,))


def as_in_line(text: str) -> bytes:
    """How a text stands in a line of JSON, in lower case."""
    return json.dumps(text)[1:-1].lower().encode()


def holds(lowered: bytes, needles: Needles) -> bool:
    """Whether a text in lower case holds one of each group of needles: much faster than the pattern that decides."""
    return all(any(needle in lowered for needle in group) for group in needles)
