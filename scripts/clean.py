"""Stops what this checkout left running and removes everything its commands made; sources stay.

Needs no virtual environment: it removes it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAB = ROOT / "tests" / "lab" / "lab"
STOP_TIMEOUT_S = 20.0
MADE_BY_US = (".venv", "var", "build", "staticfiles", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
MADE_BY_US_ANYWHERE = ("__pycache__",)
MADE_BY_US_FILES = (".import_linter_cache",)


def read_pid_file(path: Path) -> tuple[int, str]:
    """Give (pid, mark) of a pid file: the pid, then optionally a line with text its command line must hold.

    Raises ValueError when the first line is no number.
    """
    lines = path.read_text().split("\n")
    return int(lines[0]), (lines[1].strip() if len(lines) > 1 else "")


def is_ours(pid: int, mark: str) -> bool:
    """Tell whether the process is one this checkout started: numbers are used again, command lines tell."""
    process = Path("/proc") / str(pid)
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        folder = os.readlink(process / "cwd")
    except OSError:
        return False
    if mark:
        return mark in command
    return bool(command) and (f"{ROOT}/" in command or folder == str(ROOT))


def stop(pid: int, mark: str) -> None:
    """Ask a process to end, insist after a while; its identity is checked again before each signal."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not is_ours(pid, mark):
            return
        os.kill(pid, sign)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while is_ours(pid, mark) and time.monotonic() < deadline:
            time.sleep(0.1)


def stop_processes() -> None:
    """Stop every process that a pid file in var/run names and that is still ours."""
    for path in sorted((ROOT / "var" / "run").glob("*.pid")):
        try:
            pid, mark = read_pid_file(path)
        except ValueError:
            print(f"  ! {path.name}: not a pid file, left to the removal of var/")
            continue
        if is_ours(pid, mark):
            print(f"==> stopping {path.stem} (pid {pid})")
            stop(pid, mark)


def clean_lab() -> bool:
    """Let the lab take down its nodes and remove its files; give whether it managed to (or there is nothing to do)."""
    if not os.access(LAB, os.X_OK):
        return True
    if os.geteuid() != 0:
        print("==> lab: left alone (only root can have made one)")
        return True
    print("==> lab: tests/lab/lab clean")
    return subprocess.run([str(LAB), "clean"], check=False, cwd=ROOT).returncode == 0


def mounts_inside(folder: Path) -> list[str]:
    """Give the mount points below a folder: removing files through a mount would empty somebody else's disk."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as stream:
        points = [line.split()[4] for line in stream]
    return [point for point in points if point == str(folder) or point.startswith(f"{folder}/")]


def leftovers() -> Iterator[Path]:
    """Give what our commands made and what is still there."""
    for name in (*MADE_BY_US, *MADE_BY_US_FILES):
        path = ROOT / name
        if path.exists() or path.is_symlink():
            yield path
    for top, folders, _files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in {".git", *MADE_BY_US}]
        yield from (Path(top) / name for name in folders if name in MADE_BY_US_ANYWHERE)


def remove(path: Path) -> bool:
    """Remove a file or folder, never what a link points to; give whether it is gone."""
    if mounts := mounts_inside(path):
        print(f"  ! {path.relative_to(ROOT)} stays: something is mounted there ({', '.join(mounts)})", file=sys.stderr)
        return False
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True


def main() -> int:
    """Clean up; exit status 1 when something had to stay."""
    stop_processes()
    complete = clean_lab()
    for path in list(leftovers()):
        complete = remove(path) and complete
    print("==> clean" if complete else "==> not everything could be removed (see above)")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
