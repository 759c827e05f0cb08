"""The panel was upgraded, and its database was not: some pages ask for a table that is not there."""

import contextlib
import threading

import requests

from tests.drills.stack import Stack
from tests.live.web import Operator

_PAGE = "/admin/performance/"


class HalfUpgraded:
    """A missing table, and somebody who works with the console meanwhile."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._visitor: Operator | None = None

    def inject(self, stack: Stack) -> None:
        """Take back the newest migration of one app."""
        visitor = self._visitor = Operator(stack.admin, stack.email, stack.password)
        assert visitor.get(_PAGE).ok
        stack.manage("migrate", "observability", "0003", "--verbosity=0")
        assert visitor.get(_PAGE).status_code == 500
        self._stopping.clear()
        threading.Thread(target=self._work, args=(visitor,), daemon=True).start()

    def _work(self, visitor: Operator) -> None:
        while not self._stopping.wait(0.5):
            with contextlib.suppress(requests.RequestException):  # the panel may be restarted meanwhile
                visitor.get(_PAGE)

    def look(self, stack: Stack) -> None:
        """The page opens again, and whoever worked goes home."""
        self._stopping.set()
        assert self._visitor is not None and self._visitor.get(_PAGE).ok

    def undo(self, stack: Stack) -> None:
        """The database is as new as the panel."""
        self._stopping.set()
        stack.manage("migrate", "--verbosity=0")
