"""Runs on the node: makes the one file in which Pure-FTPd looks accounts up from the file of each account.

Its arguments are accounts whose sessions end now: they are gone, locked, or have another password or folder.
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PURE_PW, _WHO = "/usr/bin/pure-pw", "/usr/sbin/pure-ftpwho"
#: Whatever its flavour, and also once its package was replaced.
_DAEMON = "/usr/sbin/pure-ftpd"
_ROOT = Path("/etc/npanel/ftp")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,64}")
_FIELDS = 18
_LEAST_ID = 1000


def main(ended: list[str]) -> None:
    """Make the file aside and rename it into place, so that a sign-in meanwhile finds the one before."""
    os.umask(0o077)
    (_ROOT / "accounts").mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked():
        with tempfile.TemporaryDirectory(dir=_ROOT, prefix=".draft-") as place:
            passwords, database = Path(place) / "passwords", Path(place) / "accounts.pdb"
            passwords.write_text("".join(_lines()))
            subprocess.run([_PURE_PW, "mkdb", str(database), "-f", str(passwords)], check=True)
            _sync(database)
            database.rename(_ROOT / "accounts.pdb")
        _sync(_ROOT)
    _end_sessions(set(ended))


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One at a time; the lock ends with the process."""
    descriptor = os.open(_ROOT, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lines() -> Iterator[str]:
    """The line of each account; a file that somebody broke is left out, so that it breaks nobody else's sign-in."""
    folder = _ROOT / "accounts"
    for name in sorted(os.listdir(folder)):
        text = (folder / name).read_text(errors="replace") if _NAME.fullmatch(name) else ""
        if text.count("\n") == 1 and text.endswith("\n") and _is_account(name, text[:-1].split(":")):
            yield text


def _is_account(name: str, fields: list[str]) -> bool:
    return (
        len(fields) == _FIELDS
        and fields[0] == name
        and all(part.isascii() and part.isdigit() and int(part) >= _LEAST_ID for part in fields[2:4])
        and fields[5].startswith("/home/")
        and fields[5].endswith("/./")
    )


def _end_sessions(names: set[str]) -> None:
    if not names:
        return
    shown = subprocess.run([_WHO, "-s", "-n"], check=False, capture_output=True, text=True).stdout
    for line in shown.splitlines():
        pid, account, *_rest = [*line.split("|"), "", ""]
        if account in names and pid.isdigit():
            _end_session(int(pid))


def _end_session(pid: int) -> None:
    """End a session. The daemon's list may be old: another program may have the number of one that is over."""
    with contextlib.suppress(OSError):
        process = os.pidfd_open(pid)
        try:
            if os.readlink(f"/proc/{pid}/exe").startswith(_DAEMON):
                signal.pidfd_send_signal(process, signal.SIGTERM)
        finally:
            os.close(process)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
