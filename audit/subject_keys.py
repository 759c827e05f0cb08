"""The keys of people's and customers' fields, each made when it is first needed and kept in memory while it is used."""

import secrets

from audit.canonical import of_person
from audit.erasure_proofs import stated_until
from audit.models import Erasure, SubjectKey


class SubjectKeys:
    """Keys by subject, for one pass over the events.

    Args:
        using: the database's alias.
        limit: so many keys are remembered.
    """

    def __init__(self, using: str = "default", limit: int = 20_000) -> None:
        self.using, self._limit = using, limit
        self._known: dict[str, bytes | None] = {"": b""}
        self._stated: dict[str, int] = {}

    def key(self, subject: str) -> bytes | None:
        """A subject's key; None when there is none (any more)."""
        if subject not in self._known:
            row = SubjectKey.objects.using(self.using).filter(pk=subject).first()
            self._remember(subject, bytes.fromhex(row.key) if row else None)
        return self._known[subject]

    def key_to_write(self, subject: str) -> bytes:
        """A subject's key, made now if there is none; erased subjects get a new one for what they do afterwards."""
        known = self.key(subject)
        if known is not None:
            return known
        row, _is_new = SubjectKey.objects.using(self.using).get_or_create(
            pk=subject, defaults={"key": secrets.token_hex(32)}
        )
        self._remember(subject, bytes.fromhex(row.key))
        return bytes.fromhex(row.key)

    def is_erased(self, subject: str, seq: int) -> bool:
        """Whether the subject was erased, and the chain states so after the seal ``seq``."""
        if subject not in self._stated:
            is_there = Erasure.objects.using(self.using).filter(pk=subject).exists()
            self._stated[subject] = stated_until(of_person(subject), self.using) if is_there else 0
        return seq < self._stated[subject]

    def _remember(self, subject: str, key: bytes | None) -> None:
        if len(self._known) > self._limit:
            self._known, self._stated = {"": b""}, {}
        self._known[subject] = key
