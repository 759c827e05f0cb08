"""The lab node of `make run`: brought up, described, and shut down in order with its disk kept."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

from scripts.run_manage import run_tool
from scripts.run_options import ROOT, Options, RunError
from scripts.run_processes import Command, Processes
from scripts.run_screen import Step

#: The comment of a key that a panel has put there; the lab's own key has two words.
_PANEL_KEY = re.compile(r" npanel-\S+$", re.MULTILINE)
_LAB = [sys.executable, str(ROOT / "tests" / "lab" / "lab")]


@dataclass(frozen=True)
class LabNode:
    """How to reach a lab node and how to know it; ``is_used`` when a panel has put its key there."""

    number: int
    address: str
    host_key: str
    key_path: str
    is_used: bool


class Lab:
    """One lab node, through `tests/lab/lab`."""

    def __init__(self, processes: Processes, options: Options) -> None:
        self._processes, self._number = processes, options.node
        self._environment = dict(os.environ)
        self._step: Step | None = None

    def begin(self) -> Command:
        """Start to boot it (nothing happens when it is up); :meth:`wait` is the other half."""
        argv = [*_LAB, "up", "--only", str(self._number)]
        return self._processes.begin(argv, self._environment, "", self._hear)

    def _hear(self, line: str) -> None:
        if self._step is not None:
            self._step.note(line.removeprefix("lab: "))

    def wait(self, booting: Command, step: Step) -> LabNode:
        """Wait until it is up; the first time ever a Debian root is built for it, which takes minutes.

        Raises:
            RunError: it did not come up.
        """
        self._step = step
        for line in booting.errors[-1:]:
            self._hear(line)
        if self._processes.finish(booting):
            raise RunError(f"Lab node {self._number} did not come up:\n" + "\n".join(booting.errors[-8:]))
        facts = json.loads(self._ask("info", str(self._number), "--json"))
        keys = self._ask("exec", str(self._number), "cat", "/root/.ssh/authorized_keys")
        is_used = _PANEL_KEY.search(keys) is not None
        return LabNode(facts["number"], facts["address"], facts["host_key"], facts["key_path"], is_used)

    def _ask(self, *arguments: str) -> str:
        return run_tool(self._processes, [*_LAB, *arguments], self._environment)

    def shut_down(self) -> str:
        """Power it off in order and keep its disk; gives what went wrong, or nothing."""
        argv = [*_LAB, "down", str(self._number), "--keep"]
        # In a session of its own: an impatient second Ctrl-C must not leave half a node.
        done = subprocess.run(
            argv, env=self._environment, capture_output=True, text=True, check=False, start_new_session=True
        )
        return done.stderr.strip() if done.returncode else ""
