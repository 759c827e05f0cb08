"""Runs `manage.py` commands for `make run`: the panel's own road, and the same commands that people type."""

import json
from collections.abc import Callable
from typing import Any

from scripts.run_options import PYTHON, Options, RunError
from scripts.run_processes import Processes

_SHOWN_LINES = 12


class CommandRefused(RunError):
    """A command ended with an exit status other than 0; the text has what it said."""


def run_tool(
    processes: Processes,
    argv: list[str],
    environment: dict[str, str],
    given: str = "",
    on_line: Callable[[str], None] = lambda line: None,
) -> str:
    """Run a command to its end and give its standard output.

    Args:
        given: its standard input (secrets go here, never into ``argv``).
        on_line: gets each line of its standard error.

    Raises:
        CommandRefused: its exit status is not 0.
        Stopped, RunError: see :meth:`Processes.check`.
    """
    command = processes.begin(argv, environment, given, on_line)
    status = processes.finish(command)
    output = "\n".join(command.output)
    if status:
        # An operation's report is the result, on standard output; a refusal is on standard error.
        said = "\n".join((command.output or command.errors)[-_SHOWN_LINES:])
        raise CommandRefused(f"exit status {status}: {' '.join(argv[1:4])}\n{said}")
    return output


class Manage:
    """``manage(name, *arguments)`` runs one command of this panel."""

    def __init__(self, processes: Processes, options: Options) -> None:
        self._processes, self._environment = processes, options.environment("command")

    def __call__(self, *arguments: str, given: str = "", on_line: Callable[[str], None] = lambda line: None) -> str:
        """Run it; see :func:`run_tool`."""
        argv = [PYTHON, "manage.py", *arguments]
        return run_tool(self._processes, argv, self._environment, given, on_line)

    def start(self, script: str, *arguments: str) -> Callable[[], Any]:
        """Begin a script of ours that prints JSON; gives a function that waits for it and returns what it printed."""
        command = self._processes.begin([PYTHON, script, *arguments], self._environment, "", lambda line: None)

        def result() -> Any:
            status = self._processes.finish(command)
            if status:
                said = "\n".join(command.errors[-_SHOWN_LINES:])
                raise CommandRefused(f"exit status {status}: {script}\n{said}")
            return json.loads("\n".join(command.output))

        return result
