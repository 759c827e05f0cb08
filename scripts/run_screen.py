"""Shows `make run`'s steps, one line each with its duration, and on a terminal what the current one is doing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

_WIDTH = 64
_COLOURS = {"done": "green", "kept": "cyan", "skip": "yellow", "FAIL": "bold red"}


class Step:
    """One step while it runs: ``note`` says what it is doing, ``kept`` that there was nothing to do."""

    def __init__(self, title: str, status: Status | None) -> None:
        self.title = title
        self.verdict = "done"
        self._status = status

    def note(self, text: str) -> None:
        """Show a line of progress (on a terminal only: elsewhere it would be noise)."""
        if self._status is not None:
            self._status.update(Text(f"{self.title}: {text.strip()}"[: _WIDTH + 40]))

    def kept(self, title: str = "") -> None:
        """Say that all was as it should be."""
        self.verdict = "kept"
        self.title = title or self.title


class Screen:
    """Everything that `make run` says."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True, highlight=False, markup=False)

    def say(self, text: str, style: str = "") -> None:
        """A line of text."""
        self._console.print(text, style=style or None)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time a step and print its line at its end, also when it fails."""
        began = time.monotonic()
        status = self._console.status(Text(title)) if self._console.is_terminal else None
        step = Step(title, status)
        if status is not None:
            status.start()
        try:
            yield step
        except BaseException:
            step.verdict = "FAIL"
            raise
        finally:
            if status is not None:
                status.stop()
            self._line(step.verdict, step.title, time.monotonic() - began)

    def skip(self, title: str) -> None:
        """A step that is left out."""
        self._console.print(Text.assemble(("skip  ", _COLOURS["skip"]), title))

    def _line(self, verdict: str, title: str, seconds: float) -> None:
        duration = f"{seconds:6.1f} s"
        self._console.print(Text.assemble((f"{verdict}  ", _COLOURS[verdict]), f"{title:<{_WIDTH}}", duration))
