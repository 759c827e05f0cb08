"""Shows `make run`'s steps, one line each with its duration, and on a terminal what the current one is doing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from scripts.run_options import Stopped

_WIDTH = 64
_COLOURS = {"done": "green", "kept": "cyan", "skip": "yellow", "miss": "yellow", "stop": "yellow", "FAIL": "bold red"}


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

    def kept(self) -> None:
        """Say that all was as it should be."""
        self.verdict = "kept"

    def missed(self, title: str) -> None:
        """Say that something is not as it should be, and that the next steps see to it."""
        self.verdict, self.title = "miss", title


class Screen:
    """Everything that `make run` says."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True, highlight=False, markup=False)

    def say(self, text: str, style: str = "") -> None:
        """A line of text."""
        self._print(Text(text, style=style))

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
        except Stopped:
            step.verdict = "stop"
            raise
        except BaseException:
            step.verdict = "FAIL"
            raise
        finally:
            if status is not None:
                status.stop()
            self._line(step.verdict, step.title, time.monotonic() - began)

    def skip(self, title: str) -> None:
        """A step that is left out."""
        self._print(Text.assemble(("skip  ", _COLOURS["skip"]), title))

    def _line(self, verdict: str, title: str, seconds: float) -> None:
        duration = f"{seconds:6.1f} s"
        self._print(Text.assemble((f"{verdict}  ", _COLOURS[verdict]), f"{title:<{_WIDTH}}", duration))

    def _print(self, text: Text) -> None:
        """Print, or from now on keep silent when the terminal is gone: everything must still be stopped in order."""
        try:
            self._console.print(text)
        except OSError:
            self._console.quiet = True
