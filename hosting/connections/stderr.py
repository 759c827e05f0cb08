"""Keeps an agent's standard error flowing, and remembers the end of it."""

import threading
from collections.abc import Callable

_KEPT = 4096


class Tail:
    """Reads a stream in a thread of its own until it ends, so that the agent never blocks on it.

    Args:
        read: returns the next bytes, b"" at the end; an OSError or ValueError is an end too.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._kept = b""
        self._thread = threading.Thread(target=self._drain, name="npanel-agent-stderr", daemon=True)
        self._thread.start()

    def text(self, *, wait: bool = False) -> str:
        """The last lines; with ``wait`` the agent is known to have ended, so the rest is read first."""
        if wait and threading.current_thread() is not self._thread:
            self._thread.join(1.0)
        return self._kept.decode("utf-8", "replace").strip()

    def _drain(self) -> None:
        while True:
            try:
                piece = self._read()
            except (OSError, ValueError):
                return
            if not piece:
                return
            self._kept = (self._kept + piece)[-_KEPT:]
