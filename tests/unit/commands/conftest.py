"""Runs commands as a terminal would, on a panel with one server in memory."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command


@dataclass(frozen=True)
class Ran:
    """What a command left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output as the one JSON document that it has to be."""
        return json.loads(self.out)


Manage = Callable[..., Ran]


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def manage(monkeypatch: pytest.MonkeyPatch) -> Manage:
    """``manage("service_plan", "alice", "--json", typed="yes")`` gives what the command left."""

    def run(name: str, *arguments: str, typed: str | None = None, piped: str = "") -> Ran:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr("sys.stdin", io.StringIO(piped) if typed is None else Terminal(f"{typed}\n"))
        status = 0
        try:
            call_command(name, *arguments, stdout=out, stderr=err, no_color=True)
        except SystemExit as end:
            status = int(end.code or 0)
        return Ran(status, out.getvalue(), err.getvalue())

    return run
