"""A MariaDB server of the tests' own, started on an empty data directory and stopped with whoever asked for it.

As a command: ``python -m tests.mariadb run -- .venv/bin/pytest tests/unit`` runs a command with
NPANEL_DATABASE_URL naming the server; ``python -m tests.mariadb serve`` keeps one until Ctrl-C.
"""

import argparse
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
PID_DIRECTORY = ROOT / "var" / "run"
PREFIX = "npanel-mariadb-"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
PORT_ATTEMPTS = 3
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"

# Durability is worth nothing here: the data directory is thrown away with the server.
FAST_AND_FORGETFUL = (
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-use-native-aio=0",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=64M",
    "--sync-frm=0",
    "--skip-log-bin",
    "--performance-schema=0",
)
#: What MariaDB does unless told otherwise, without the binary log.
DURABLE = ("--innodb-buffer-pool-size=128M", "--skip-log-bin")


class MariaDBError(RuntimeError):
    """The test server could not be made, started or stopped; the message holds the end of its log."""


@dataclass(frozen=True)
class Server:
    """A running test server: its process id, how to reach it, and an account that may do everything on it."""

    pid: int
    port: int
    socket_path: Path
    user: str
    password: str
    database: str

    @property
    def url(self) -> str:
        """The value of NPANEL_DATABASE_URL: ``mysql://user:password@host:port/name?unix_socket=path``."""
        where = f"127.0.0.1:{self.port}/{self.database}"
        return f"mysql://{self.user}:{quote(self.password, safe='')}@{where}?unix_socket={quote(str(self.socket_path))}"


@contextlib.contextmanager
def mariadb_server(*, durable: bool = False) -> Iterator[Server]:
    """Start a server in a fresh directory, yield it, stop it by its pid and remove the directory.

    Args:
        durable: write to the disk as a server does that is to be kept, for measurements.

    Raises MariaDBError when the programs are not installed or the server does not come up.
    """
    base = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        base.chmod(0o755)
        data = _install(base)
        process, server = _start(base, data, DURABLE if durable else FAST_AND_FORGETFUL)
        pid_file = _write_pid_file(process.pid, base)
        try:
            yield server
        finally:
            _stop(process)
            pid_file.unlink(missing_ok=True)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if found is None:
        raise MariaDBError(f"{name} is not installed: run make setup as root (package mariadb-server-core)")
    return found


def _account() -> pwd.struct_passwd | None:
    """Give the account to run as, None when we are not root; mariadbd refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("mysql")
    except KeyError:
        return pwd.getpwnam("nobody")


def _install(base: Path) -> Path:
    """Fill a data directory; the two options keep a dead resolver and an unknown host name from costing 20 s."""
    data = base / "data"
    argv = [
        _program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-name-resolve",
        "--skip-test-db",
        *FAST_AND_FORGETFUL,
    ]
    account = _account()
    if account is not None:
        argv.append(f"--user={account.pw_name}")
        os.chown(base, account.pw_uid, account.pw_gid)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=START_TIMEOUT_S * 2)
    if done.returncode != 0:
        raise MariaDBError(f"mariadb-install-db failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return data


def _start(base: Path, data: Path, options: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], Server]:
    """Start the server; another process may take the free port between our look and its bind, so try again."""
    password = secrets.token_urlsafe(18)
    init_file = _write_init_file(base, password)
    for attempt in range(1, PORT_ATTEMPTS + 1):
        port = _free_port()
        process = _spawn(base, data, init_file, port, options)
        if _wait_until_ready(process, base / "socket"):
            return process, Server(process.pid, port, base / "socket", "npanel", password, "npanel")
        _stop(process)
        if attempt == PORT_ATTEMPTS or "Address already in use" not in _log_tail(base):
            break
    raise MariaDBError(f"mariadbd did not start:\n{_log_tail(base)}")


def _write_init_file(base: Path, password: str) -> Path:
    """Write the SQL the server runs before it listens: our account, no password-less root, an empty database."""
    path = base / "init.sql"
    path.write_text(
        "CREATE DATABASE IF NOT EXISTS npanel CHARACTER SET utf8mb4;\n"
        f"CREATE OR REPLACE USER npanel@localhost IDENTIFIED BY '{password}';\n"
        f"CREATE OR REPLACE USER npanel@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO npanel@localhost WITH GRANT OPTION;\n"
        "GRANT ALL PRIVILEGES ON *.* TO npanel@'127.0.0.1' WITH GRANT OPTION;\n"
        "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';\n"
        "FLUSH PRIVILEGES;\n"
        f"ALTER USER root@localhost IDENTIFIED BY '{secrets.token_urlsafe(18)}';\n"
    )
    path.chmod(0o600)
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spawn(base: Path, data: Path, init_file: Path, port: int, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start mariadbd under setpriv(1), which also has the kernel end it should this process be killed."""
    argv = [_program("setpriv"), "--pdeathsig=KILL"]
    account = _account()
    if account is not None:
        argv += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    argv += [
        _program("mariadbd"),
        "--no-defaults",
        f"--datadir={data}",
        f"--socket={base / 'socket'}",
        f"--pid-file={base / 'pid'}",
        f"--tmpdir={base}",
        f"--init-file={init_file}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--max-connections=300",
        *options,
    ]
    with (base / "log").open("ab") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=base)


def _wait_until_ready(process: subprocess.Popen[bytes], socket_path: Path) -> bool:
    """Wait for the greeting on the socket: the server sends one only after it has run the init file."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if _greets(socket_path):
            return True
        time.sleep(0.05)
    return False


def _greets(socket_path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(socket_path))
            return len(client.recv(5)) == 5
    except OSError:
        return False


def _log_tail(base: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return "\n".join((base / "log").read_text(errors="replace").splitlines()[-30:])
    return "(it wrote no log)"


def _write_pid_file(pid: int, base: Path) -> Path:
    """Leave a trace for `make clean`: the pid, then the text that its command line must hold to be ours."""
    PID_DIRECTORY.mkdir(parents=True, exist_ok=True)
    path = PID_DIRECTORY / f"test-mariadb-{pid}.pid"
    path.write_text(f"{pid}\n{base}\n")
    return path


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server without ceremony: nothing of it is kept, so there is nothing to flush."""
    process.kill()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise MariaDBError(f"mariadbd (pid {process.pid}) does not stop") from error


def run_to_end(command: list[str], environment: dict[str, str]) -> int:
    """Run a command, let it end by itself on Ctrl-C (its own clean-up matters), and give its exit status.

    A command ended by signal N gives 128 + N, as a shell would report it.
    """
    process = subprocess.Popen(command, env=environment)
    try:
        while process.poll() is None:
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def exit_on_sigterm() -> None:
    """Have SIGTERM end this process by an exception, so that context managers stop what they started."""

    def leave(signum: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, leave)


def _run(command: list[str]) -> int:
    with mariadb_server() as server:
        return run_to_end(command, {**os.environ, "NPANEL_DATABASE_URL": server.url})


def _serve() -> int:
    with mariadb_server() as server:
        print(server.url, flush=True)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # Ctrl-C ends the wait as well
    print("tests.mariadb: the server has ended", file=sys.stderr)
    return 1


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit status (that of the command, for `run`)."""
    parser = argparse.ArgumentParser(prog="python -m tests.mariadb", description=__doc__)
    parser.add_argument("what", choices=["run", "serve"])
    parser.add_argument("command", nargs=argparse.REMAINDER, help="for run: -- COMMAND ARGUMENT …")
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.what == "run" and not command:
        parser.error("run needs a command: python -m tests.mariadb run -- pytest tests/unit")
    exit_on_sigterm()
    try:
        return _run(command) if options.what == "run" else _serve()
    except MariaDBError as error:
        print(f"tests.mariadb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
