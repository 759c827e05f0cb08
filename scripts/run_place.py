"""Makes the place a panel runs in: folders and who may touch them, one panel at a time, a free port."""

import contextlib
import errno
import fcntl
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from observability.multiprocess import prepare_multiprocess_dir
from scripts.run_options import HOST, PYTHON, ROOT, Options, RunError
from scripts.run_processes import tied_to_us

#: Started as root, the web process runs as this user, which every Debian has and which owns nothing.
WEB_USER = "nobody"
_FOLDERS = {
    "keys": 0o711,
    "log": 0o750,
    "run": 0o755,
    "run/front": 0o755,
    "run/web": 0o750,
    "spool": 0o700,
    "static": 0o755,
    "tls": 0o755,
}


@dataclass(frozen=True)
class WebUser:
    """Who the web process is: another user than the worker where that works, else ``reason`` says why not."""

    uid: int
    gid: int
    reason: str = ""

    @property
    def is_other(self) -> bool:
        return not self.reason

    def wrapper(self) -> list[str]:
        """The command line in front of the web server's (setpriv(1)): no way back, no capabilities."""
        if not self.is_other:
            return tied_to_us()
        change = ["--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups", "--inh-caps=-all"]
        return [*tied_to_us(), *change, "--no-new-privs"]


def make_folders(options: Options) -> None:
    """Make what is missing below the panel's folder.

    Raises:
        RunError: it belongs to somebody else.
    """
    try:
        options.var.mkdir(parents=True, exist_ok=True)
        for name, mode in _FOLDERS.items():
            folder = options.var / name
            folder.mkdir(exist_ok=True)
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(mode)
        (options.var / "log" / ".writable").touch()
    except OSError as error:
        hint = "An earlier run was root's? Run as root again, or choose another folder: make run NPANEL_VAR_DIR=/path"
        raise RunError(f"{options.var} can't be used: {error.strerror} ({error.filename}).", hint) from error
    (options.var / "log" / ".writable").unlink()


@contextlib.contextmanager
def alone(options: Options) -> Iterator[None]:
    """Be the only run on this folder; the lock goes with the process, however that ends.

    Raises:
        RunError: another run has it.
    """
    path = options.var / "run" / "run.pid"
    with path.with_suffix(".lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = path.read_text().strip() if path.exists() else ""
            hint = f"Press Ctrl-C there, or: kill {pid}" if pid else "Press Ctrl-C there."
            raise RunError(f"`make run` runs already on {options.var} (pid {pid or 'unknown'}).", hint) from error
        path.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def check_ports(options: Options) -> None:
    """See that nobody listens where the panel will.

    Raises:
        RunError: somebody does, with who it is as far as we may know.
    """
    for port in options.taken_ports():
        _check_port(port)


def _check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            others = "make run NPANEL_RUN_PORT=9000 takes 9000 to 9005"
            if error.errno == errno.EADDRINUSE:
                text = f"Port {port} of {HOST} is in use{_listener(port)}."
                raise RunError(text, f"Stop it, or choose other ports: {others}") from error
            text = f"Port {port} of {HOST} can't be had: {error.strerror}."
            raise RunError(text, f"Choose some above 1023: {others}") from error


def _listener(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for found in psutil.net_connections(kind="tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
                return f" by {psutil.Process(found.pid).name()} (pid {found.pid})"
    return ""


def web_user(options: Options) -> WebUser:
    """Find out whether the web process can be another user, by trying what it will need."""
    ours = (os.geteuid(), os.getegid())
    if os.geteuid() != 0:
        return WebUser(*ours, reason="without root all processes are yours")
    if not shutil.which("setpriv"):
        return WebUser(*ours, reason="there is no setpriv (package util-linux)")
    entry = pwd.getpwnam(WEB_USER)
    other = WebUser(entry.pw_uid, entry.pw_gid)
    options.var.chmod(0o1775)
    trouble = _trouble_as(other, options)
    return WebUser(*ours, reason=f"{WEB_USER} can't run it ({trouble})") if trouble else other


def _trouble_as(user: WebUser, options: Options) -> str:
    """Why a user can't do what the web process will do; empty when it can.

    An interpreter whose library is out of reach may quietly take another one's, hence the comparison.
    """
    needs = (
        "import os, sys; sys.exit(f'{sys.argv[2]} is out of reach') if os.__file__ != sys.argv[2] else None; "
        "import django, gunicorn, npanel.env; os.listdir(sys.argv[1])"
    )
    tried = subprocess.run(
        [*user.wrapper(), PYTHON, "-c", needs, str(options.var), os.__file__],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        capture_output=True,
        text=True,
        check=False,
    )
    return (tried.stderr.strip().splitlines() or ["no reason given"])[-1] if tried.returncode else ""


def share_with_web(options: Options, user: WebUser) -> None:
    """Give the web process what it needs of the panel's folder, and nothing else (nothing to do without another user).

    It may write the database and the metrics, and read its own key and the worker's public one. (Development's two web
    processes are one user; in production each is told of its own key only.) The folder is sticky: SQLite makes its
    files beside the database, but nobody can be rid of files that are not theirs.
    """
    metrics = prepare_multiprocess_dir(options.var / "metrics")
    if not user.is_other:
        return
    os.chown(options.var, 0, user.gid)
    options.var.chmod(0o1775)
    for path in (metrics, *metrics.iterdir()):
        os.chown(path, -1, user.gid)
    metrics.chmod(0o2770)
    for name in ("npanel.sqlite3", "npanel.sqlite3-wal", "npanel.sqlite3-shm"):
        _give(options.var / name, user.uid, user.gid, 0o660)
    _give(options.var / "run" / "web", user.uid, user.gid, 0o750)
    for name in ("web.secret", "customer.secret"):
        _give(options.var / "keys" / name, 0, user.gid, 0o640)
    _give(options.var / "keys" / "worker.pub", 0, user.gid, 0o644)


def _give(path: Path, uid: int, gid: int, mode: int) -> None:
    if path.exists():
        os.chown(path, uid, gid)
        path.chmod(mode)
