"""Requests that wait for an operation: a few at once, so that there are always threads left to serve."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from hosting.choices import FINAL_STATES, OperationState
from hosting.models import Operation

LONGEST = 30
_STEP = 0.25
_RESTS = (*FINAL_STATES, OperationState.PLANNED)


class Places:
    """How many wait in this process, in all and for each person."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[int] = Counter()

    @contextmanager
    def place(self, user: int) -> Iterator[bool]:
        """Hold a place for the length of the context; False when there is none."""
        got = self._take(user)
        try:
            yield got
        finally:
            if got:
                self._give_back(user)

    def _take(self, user: int) -> bool:
        with self._lock:
            full = self._held.total() >= settings.NPANEL_API_WAITERS
            if full or self._held[user] >= settings.NPANEL_API_WAITERS_EACH:
                return False
            self._held[user] += 1
            return True

    def _give_back(self, user: int) -> None:
        with self._lock:
            self._held[user] -= 1
            self._held += Counter()  # drops those who hold none any more


PLACES = Places()


def wait_for_rest(operation: Operation, seconds: float, user: int) -> bool:
    """Wait until an operation has ended or waits for approval, without a transaction, and read it again.

    Returns:
        False when nobody waited because too many do; the caller asks again a little later.
    """
    if operation.state in _RESTS or seconds <= 0:
        return True
    with PLACES.place(user) as got:
        if not got:
            return False
        deadline = time.monotonic() + min(seconds, LONGEST)
        while time.monotonic() < deadline and _state(operation) not in _RESTS:
            time.sleep(_STEP)
    operation.refresh_from_db()
    return True


def _state(operation: Operation) -> str:
    return Operation.objects.values_list("state", flat=True).get(pk=operation.pk)
