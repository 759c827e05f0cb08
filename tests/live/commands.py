"""Runs ``manage.py`` commands: cold as people do, or forked from a process that has loaded Django already.

A command takes a second and a half to load, and the drills need a hundred of them. What :class:`Warm` forks is what
``manage.py`` starts: a process with the same standard streams, environment, exit status and signals. Only what other
processes see of it is the parent's: arguments and environment in /proc. ``python -m tests.live.commands SOCKET`` is
the loaded process; it serves until its standard input ends.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
START_PATIENCE_S = 120.0
COMMAND_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: exit status (below 0: the signal that killed it) and what it wrote."""

    argv: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def __str__(self) -> str:
        return f"manage.py {' '.join(self.argv)} gave {self.status}\n{self.err}{self.out}"


class Cold:
    """Starts each command as a process from scratch.

    Args:
        environment: of every command.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def start(self, argv: Sequence[str], given: str = "", environment: Mapping[str, str] | None = None) -> "Running":
        """Start one command; ``given`` is its standard input, ``environment`` has more variables for it."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", *argv],
            cwd=ROOT,
            env={**self._environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

        def end() -> dict[str, Any]:
            out, err = process.communicate(given)
            return {"status": process.returncode, "out": out, "err": err}

        return Running(tuple(argv), process.pid, end)

    def run(self, argv: Sequence[str], given: str = "", environment: Mapping[str, str] | None = None) -> Done:
        """Run one command to its end."""
        return self.start(argv, given, environment).wait()


class Warm:
    """Starts the loaded the loaded process, hands it commands, ends it.

    Args:
        path: of its socket. environment: of the loaded process and so of every command.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        argv = [sys.executable, "-m", "tests.live.commands", str(self._path)]
        self._process = subprocess.Popen(argv, cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE)
        self._begun: list[Running] = []
        deadline = time.monotonic() + START_PATIENCE_S
        while not self._path.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the process that runs commands did not start")
            time.sleep(0.02)

    def start(self, argv: Sequence[str], given: str = "", environment: Mapping[str, str] | None = None) -> "Running":
        """Start one command; ``given`` is its standard input, ``environment`` has more variables for it."""
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(COMMAND_PATIENCE_S)
        line.connect(str(self._path))
        wish = {"argv": list(argv), "stdin": given, "environment": dict(environment or {})}
        line.sendall(json.dumps(wish).encode())
        line.shutdown(socket.SHUT_WR)
        answers = line.makefile("r", encoding="utf-8")
        pid = json.loads(answers.readline())["pid"]

        def end() -> dict[str, Any]:
            with answers:
                ending: dict[str, Any] = json.loads(answers.readline())
            return ending

        running = Running(tuple(argv), pid, end)
        self._begun = [*(other for other in self._begun if not other.done), running]
        return running

    def run(self, argv: Sequence[str], given: str = "", environment: Mapping[str, str] | None = None) -> Done:
        """Run one command to its end."""
        return self.start(argv, given, environment).wait()

    def close(self) -> None:
        """End the loaded process and commands that still run."""
        for running in self._begun:
            if running.done is None:
                running.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(60)


class Running:
    """A command that runs, in a session of its own."""

    def __init__(self, argv: tuple[str, ...], pid: int, end: Callable[[], dict[str, Any]]) -> None:
        self.argv, self.pid, self._ending = argv, pid, end
        self.done: Done | None = None

    def wait(self) -> Done:
        """Wait for its end; to be called once."""
        self.done = Done(self.argv, **self._ending())
        return self.done

    def kill(self) -> None:
        """Kill it and all its children at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def serve(path: str) -> None:
    """Load Django, then fork a helper for each connection until standard input ends."""
    import django
    from django.db import connections

    django.setup()
    for command in pkgutil.iter_modules([str(ROOT / "hosting" / "management" / "commands")]):
        importlib.import_module(f"hosting.management.commands.{command.name}")
    connections.close_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # helpers report to their client; nobody waits for them here
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen(64)
    os.rename(f"{path}.new", path)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while not any(key.fileobj is sys.stdin for key, _ in selector.select()):
            line, _address = listener.accept()
            if os.fork() == 0:
                listener.close()
                _help(line)
            line.close()


def _help(line: socket.socket) -> None:
    """In a helper: run the wished command as a child, and answer with what became of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    wish = json.loads(b"".join(iter(lambda: line.recv(1 << 16), b"")))
    with contextlib.ExitStack() as stack:
        given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(wish["stdin"].encode())
        given.seek(0)
        child = os.fork()
        if child == 0:
            line.close()
            _command(wish, given, out, err)
        _answer(line, {"pid": child})
        _, status = os.waitpid(child, 0)
        _answer(line, {"status": os.waitstatus_to_exitcode(status), "out": _text(out), "err": _text(err)})
    os._exit(0)


def _answer(line: socket.socket, answer: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        line.sendall(json.dumps(answer).encode() + b"\n")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _command(wish: dict[str, Any], given: IO[bytes], out: IO[bytes], err: IO[bytes]) -> None:
    """In the command's own process: be ``manage.py`` with these arguments."""
    from django.core.management import execute_from_command_line

    os.setsid()
    os.environ.update(wish["environment"])
    for number, file in enumerate((given, out, err)):
        os.dup2(file.fileno(), number)
    status = 0
    try:
        execute_from_command_line(["manage.py", *wish["argv"]])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever ends the command ends it as it would end an interpreter
        sys.excepthook(*sys.exc_info())  # as the interpreter would
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npanel.settings")
    from npanel.env import prepare_metrics_directory

    prepare_metrics_directory()
    serve(sys.argv[1])
