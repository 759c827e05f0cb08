"""What `make run` was asked for, and the environment that each of its processes gets."""

import argparse
import dataclasses
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
HOST = "127.0.0.1"
#: What children may know of the caller's environment, besides our own settings.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SUDO_USER", "PYTHONDONTWRITEBYTECODE")
#: A place where no key can be: web processes can neither open secrets nor sign tasks (SECURITY.md).
_NO_KEY = "/nonexistent"
#: Development's port for both interfaces; with it the others are those of OPERATIONS.md §1.
_PORT = 8080


class RunError(Exception):
    """Something `make run` can't go on with; the text says what, ``hint`` what to do."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@dataclass(frozen=True)
class Ports:
    """Where nginx listens: both interfaces, each one's own two ports, and the probes."""

    unified: int
    customer_http: int
    customer_https: int
    admin_http: int
    admin_https: int
    probes: int

    def all(self) -> list[int]:
        """Every one of them."""
        return list(dataclasses.astuple(self))


@dataclass(frozen=True)
class Options:
    """Where the panel keeps its data, where it listens, and which lab node it uses (0: none)."""

    var: Path
    port: int
    node: int
    check: bool
    #: The nginx to put in front; empty: there is none, and the web processes listen themselves.
    nginx: str = ""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def ports(self) -> Ports:
        """The panel's own ports, or those that follow another one."""
        if self.port == _PORT:
            return Ports(self.port, 2082, 2083, 2086, 2087, 2089)
        return Ports(*range(self.port, self.port + 6))

    def taken_ports(self) -> list[int]:
        """The ports that must be free."""
        return self.ports.all() if self.nginx else [self.port, self.ports.customer_http]

    def bind(self, interface: str) -> str:
        """Where the web process of an interface listens, as gunicorn has it."""
        if self.nginx:
            return f"unix:{self.var / 'run' / 'web' / interface}.sock"
        return f"{HOST}:{self.port if interface == 'admin' else self.ports.customer_http}"

    def address(self, interface: str) -> str:
        """Where people reach an interface; what ``make run`` prints, and what letters and impersonation lead to."""
        if interface == "admin":
            return f"http://{HOST}:{self.ports.admin_http if self.nginx else self.port}"
        return f"http://{HOST}:{self.ports.customer_http}"

    @property
    def node_name(self) -> str:
        """How the panel calls the lab node."""
        return f"lab{self.node}"

    def manage_line(self, *arguments: str) -> str:
        """A command for people to copy: it works on this panel's data."""
        place = "" if self.var == ROOT / "var" else f"NPANEL_VAR_DIR={self.var} "
        return f"{place}.venv/bin/python manage.py {' '.join(arguments)}"

    def environment(self, interface: str) -> dict[str, str]:
        """The environment of a process of ours: ``admin``, ``customer`` (web), ``worker`` or ``command``."""
        given = {name: value for name, value in os.environ.items() if name.startswith("NPANEL_")}
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        for name in ("NPANEL_LOG_FILE", "NPANEL_RUN_PORT", "NPANEL_RUN_NODE"):
            given.pop(name, None)
        doors = {"NPANEL_ADMIN_URL": self.address("admin"), "NPANEL_PORTAL_URL": self.address("customer")}
        ours = {
            "NPANEL_ENVIRONMENT": "development",
            "NPANEL_INTERFACE": interface,
            "NPANEL_VAR_DIR": str(self.var),
            "PYTHONUNBUFFERED": "1",
        }
        if interface != "command":  # what a server says is read here, and kept in its log file from here
            ours["NPANEL_LOG_FILE"] = "-"
        if interface in ("admin", "customer"):
            ours |= {"NPANEL_BIND": self.bind(interface), "HOME": "/"}
            ours |= {"NPANEL_TRUSTED_PROXIES": "unix"} if self.nginx else {}
            ours |= {
                "NPANEL_WORKER_PRIVATE_KEYS": f"{_NO_KEY}/worker.key",
                "NPANEL_QUEUE_KEY_FILE": f"{_NO_KEY}/queue.key",
            }
        return passed | doors | given | ours


def parse(arguments: list[str]) -> Options:
    """Read the command line; each option has a variable of the environment, so that `make run` can be told as well.

    Raises:
        RunError: a number is out of range.
    """
    parser = argparse.ArgumentParser(description="Start NPanel with a lab node and a demo site; Ctrl-C stops it all.")
    default = os.environ.get
    parser.add_argument(
        "--port",
        default=default("NPANEL_RUN_PORT", "8080"),
        help="both interfaces; others than 8080 take the next five as well (NPANEL_RUN_PORT)",
    )
    parser.add_argument("--node", default=default("NPANEL_RUN_NODE", "1"), help="lab node; 0: none (NPANEL_RUN_NODE)")
    parser.add_argument("--var", default=default("NPANEL_VAR_DIR", ""), help="data and keys (NPANEL_VAR_DIR)")
    parser.add_argument("--check", action="store_true", help="start, ask everything as a visitor would, stop")
    given = parser.parse_args(arguments)
    return Options(
        var=Path(given.var).absolute() if given.var else ROOT / "var",
        port=_number("port", given.port, 1, 65530),
        node=_number("node", given.node, 0, 244),
        check=given.check,
        nginx=shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or "",
    )


def _number(name: str, text: str, least: int, most: int) -> int:
    if not text.isdigit() or not least <= int(text) <= most:
        raise RunError(f"--{name} must be a number from {least} to {most}, not {text!r}.")
    return int(text)
