"""The processes of a running panel: start, watch, log, and stop them with all their children."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts.clean import is_ours
from scripts.run_options import ROOT, RunError, Stopped

STOP_PATIENCE_S = 12.0
#: A leader that ends in order has waited for its children; those of one that was killed would stay for ever.
_ORPHANS_PATIENCE_S = 1.0
_POLL_S = 0.05


@dataclass
class Running:
    """One process of ours; it leads a process group of its own, in which its children are."""

    name: str
    process: subprocess.Popen[bytes]
    reader: threading.Thread


@dataclass
class Command:
    """A command that runs to its end: its output so far, and its last line of progress."""

    process: subprocess.Popen[bytes]
    output: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)


class Processes:
    """All processes of one panel.

    Args:
        run_folder: where their pid files go (`make clean` and the next start read them).
        log_folder: where their log lines go, one file a process.
        say: shows a line to the person at the terminal.
    """

    def __init__(self, run_folder: Path, log_folder: Path, say: Callable[[str], None]) -> None:
        self.stopping = threading.Event()
        self._run_folder, self._log_folder, self._say = run_folder, log_folder, say
        self._running: list[Running] = []
        self._commands: list[Command] = []

    def listen_to_signals(self) -> None:
        """From now on Ctrl-C, SIGTERM and a closed terminal end waiting, in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())

    # Servers

    def start(self, name: str, argv: list[str], environment: dict[str, str], wrapper: list[str]) -> None:
        """Start a server; its JSON lines go to its log file, what else it says and its errors also to the screen."""
        process = subprocess.Popen(
            [*wrapper, *argv],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        (self._run_folder / f"{name}.pid").write_text(f"{process.pid}\n")
        reader = threading.Thread(target=self._pump, args=(name, process.stdout), daemon=True)
        reader.start()
        self._running.append(Running(name, process, reader))

    def _pump(self, name: str, stream: IO[bytes]) -> None:
        shown, file = "", self._log_folder / f"{name}.log"
        for line in stream:
            with file.open("ab") as log:  # each time anew: retention moves the file of yesterday away
                log.write(line)
            text = worth_showing(line)
            if text and text != shown:
                self._say(f"[{name}] {text}")
                shown = text

    def check(self) -> None:
        """Look whether everything still runs.

        Raises:
            Stopped: somebody wants it to end.
            RunError: a server ended by itself.
        """
        if self.stopping.is_set():
            raise Stopped
        for running in self._running:
            status = running.process.poll()
            if status is not None:
                running.reader.join(timeout=1)
                log = self._log_folder / f"{running.name}.log"
                raise RunError(f"The {running.name} process ended by itself (exit status {status}).", f"Its log: {log}")

    def wait_until(self, condition: Callable[[], bool], seconds: float, failure: str) -> None:
        """Wait for a condition.

        Raises:
            Stopped, RunError: as :meth:`check`, and RunError with ``failure`` when the time is over.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise RunError(failure, f"The logs are in {self._log_folder}.")
            self.stopping.wait(_POLL_S)

    # Commands

    def begin(
        self, argv: list[str], environment: dict[str, str], given: str, on_line: Callable[[str], None]
    ) -> Command:
        """Start a command without waiting; ``on_line`` gets each line of its standard error."""
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        command = Command(process)
        assert process.stdin and process.stdout and process.stderr  # noqa: S101 - Popen made all three
        for stream, lines, tell in ((process.stdout, command.output, None), (process.stderr, command.errors, on_line)):
            reader = threading.Thread(target=_collect, args=(stream, lines, tell), daemon=True)
            reader.start()
            command.readers.append(reader)
        with contextlib.suppress(BrokenPipeError):  # it ended without reading: its exit status says why
            process.stdin.write(given.encode())
            process.stdin.close()
        self._commands.append(command)
        return command

    def finish(self, command: Command) -> int:
        """Wait for a command's end and give its exit status.

        Raises:
            Stopped, RunError: as :meth:`check`; the command is ended then.
        """
        try:
            while command.process.poll() is None:
                self.check()
                self.stopping.wait(_POLL_S)
        except BaseException:
            end_group(command.process, signal.SIGINT, STOP_PATIENCE_S)
            raise
        finally:
            self._commands.remove(command)
        for reader in command.readers:
            reader.join(timeout=5)
        return command.process.returncode

    # The end

    def stop(self) -> None:
        """End everything: first asked, then insisted; nothing of the process groups is left afterwards."""
        for command in self._commands:
            end_group(command.process, signal.SIGINT, STOP_PATIENCE_S)
        for running in self._running:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
        for running in self._running:
            end_group(running.process, signal.SIGTERM, STOP_PATIENCE_S)
            running.reader.join(timeout=2)
            (self._run_folder / f"{running.name}.pid").unlink(missing_ok=True)


def worth_showing(line: bytes) -> str:
    """What a person should see of a server's line: errors, and what is no log line at all (a traceback, a warning)."""
    text = line.decode(errors="replace").rstrip()
    try:
        entry = json.loads(text)
    except ValueError:
        return text
    if not isinstance(entry, dict) or entry.get("level") not in ("error", "critical"):
        return ""
    parts = (entry.get("message"), entry.get("error_message"))
    return f"{': '.join(str(part) for part in parts if part)} (trace {entry.get('trace_id', '')})"


def _collect(stream: IO[bytes], lines: list[str], tell: Callable[[str], None] | None) -> None:
    for line in stream:
        text = line.decode(errors="replace").rstrip()
        lines.append(text)
        if tell is not None and text:
            tell(text)


def group_members(group: int) -> list[int]:
    """Pids of a process group's living members (proc(5), ``stat``: state and pgrp follow the name in brackets)."""
    members = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, _parent, number, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(number) == group and state not in "ZX":
            members.append(int(folder.name))
    return members


def end_group(process: subprocess.Popen[bytes], sign: signal.Signals, patience: float) -> None:
    """Ask a group's leader to end, give its children the time to follow, then kill what is left of the group."""
    if process.poll() is None:
        process.send_signal(sign)
    _wait_while(lambda: process.poll() is None, patience)
    if process.poll() is not None:
        _wait_while(lambda: bool(group_members(process.pid)), _ORPHANS_PATIENCE_S)
    while members := group_members(process.pid):
        _kill(members)
        time.sleep(_POLL_S)
    process.wait()


def _wait_while(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while condition() and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def end_leftovers(run_folder: Path, say: Callable[[str], None]) -> None:
    """End what an earlier run left when it was killed: its pid files name the groups."""
    for path in sorted(run_folder.glob("*.pid")):
        if path.name == "run.pid":
            continue
        first = path.read_text().partition("\n")[0]
        members = _ours(int(first)) if first.isdigit() else []
        if members:
            say(f"ending what an earlier run left: {path.stem} (pid {', '.join(map(str, members))})")
            _end_strays(int(first))
        path.unlink(missing_ok=True)


def _end_strays(group: int) -> None:
    """Ask the group's leader, if it still lives; its children have nobody who would ask them in order."""
    if group in _ours(group):
        _kill([group], signal.SIGTERM)
        _wait_while(lambda: bool(_ours(group)), STOP_PATIENCE_S)
    while members := _ours(group):
        _kill(members)
        time.sleep(_POLL_S)


def _ours(group: int) -> list[int]:
    return [pid for pid in group_members(group) if is_ours(pid, "")]


def _kill(pids: list[int], sign: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            continue


def tied_to_us() -> list[str]:
    """A wrapper that sends a child SIGTERM when we are killed and can't (prctl(2), PR_SET_PDEATHSIG)."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
