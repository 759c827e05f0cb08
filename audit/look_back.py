"""How far back a look for events without a seal must go: a transaction that commits late has a lower id than others."""

import time
from collections import deque

#: What one look saw is settled after so many seconds: transactions that were open then are over.
SETTLED_S = 600.0
#: At most so many ids are looked at again; a whole pass of the sealer (hourly) looks at the table.
MOST = 50_000
_EVERY_S = 10.0


class LookBack:
    """What the looks of this process saw: ids up to which all events had their seal, and when."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._settled = 0

    def floor(self, last: int, now: float | None = None) -> int:
        """The id above which to look.

        Args:
            last: the id of the last sealed event; one below what was seen means another database.
            now: the monotonic time, for tests.
        """
        moment = time.monotonic() if now is None else now
        if (self._seen and self._seen[-1][1] > last) or self._settled > last:
            self._seen.clear()
            self._settled = 0
        while self._seen and moment - self._seen[0][0] > SETTLED_S:
            self._settled = max(self._settled, self._seen.popleft()[1])
        return max(0, self._settled, last - MOST)

    def saw(self, whole_up_to: int, now: float | None = None) -> None:
        """Remember that all events up to an id had their seal."""
        moment = time.monotonic() if now is None else now
        if not self._seen or moment - self._seen[-1][0] >= _EVERY_S:
            self._seen.append((moment, whole_up_to))
