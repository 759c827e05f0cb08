"""Renders the file of the nginx in front of the panel; production, `make run` and the tests start what comes out of it.

`deploy/nginx/npanel.conf.j2` is the file, :class:`Front` the list of its variables. Loads no Django.
"""

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from npanel import env
from npanel.panel_certificate import tls_files

TEMPLATE = env.BASE_DIR / "deploy" / "nginx" / "npanel.conf.j2"
#: What may stand in a value: nothing that ends a directive, opens a block, quotes, or is a variable of nginx.
_SAFE = re.compile(r"[A-Za-z0-9_./:\[\]*@+,=-]+")


class BadVariable(Exception):
    """A value can't go into the file; the text says which."""


@dataclass(frozen=True)
class Front:
    """The variables of the file. Ports are what OPERATIONS.md §1 lists; 0 leaves a listener out."""

    environment: str = "development"
    #: Host names that are answered; all of them when there is none or ``*``. Others get 421.
    hosts: Sequence[str] = ()
    #: Addresses to listen on, IPv6 in brackets.
    listen: Sequence[str] = ("127.0.0.1",)
    customer_http: int = 2082
    customer_https: int = 2083
    admin_http: int = 2086
    admin_https: int = 2087
    #: Both interfaces; development only.
    unified: int = 8080
    #: /metrics, /health and /readyz, on 127.0.0.1 alone.
    probes: int = 2089
    #: Where the two web processes listen: ``unix:/path`` or ``address:port``.
    admin: str = "unix:/run/npanel/web/admin.sock"
    customer: str = "unix:/run/npanel/web/customer.sock"
    certificate: str = "/etc/npanel/tls/panel.crt"
    key: str = "/etc/npanel/tls/panel.key"
    #: What `collectstatic` gathered; empty: the web processes serve static files.
    static: str = ""
    #: nginx's own pages.
    pages: str = str(env.BASE_DIR / "deploy" / "nginx" / "pages")
    #: Its pid file and temporary files.
    run: str = "/run/npanel/front"
    logs: str = "/var/log/npanel"
    #: Who its workers are, ``user`` or ``user group``; empty when it is not started by root.
    user: str = ""
    workers: str = "auto"
    #: Requests a second that one address may make on average; ten times as many at once.
    rate: int = 50
    #: Connections that one address may hold.
    connections: int = 100
    #: Seconds a client may be silent in the middle of a request.
    patience: int = 15
    body: str = "4m"

    @property
    def production(self) -> bool:
        return self.environment == "production"

    @property
    def names(self) -> list[str]:
        """The host names as nginx takes them; none: every name."""
        return [] if "*" in self.hosts else list(dict.fromkeys(self.hosts))

    @property
    def canonical(self) -> str:
        """The name under which probes ask."""
        return next((name.lstrip(".") for name in self.names), "localhost")


@dataclass(frozen=True)
class Listener:
    """One public server of the file: which interface on which port, and how."""

    interface: str
    port: int
    tls: bool = False
    #: The HTTPS port that its requests are sent to instead of being answered.
    redirect: int = 0


def listeners(front: Front) -> list[Listener]:
    """The public servers; those without a port are left out, and production has no unified one."""
    found = []
    for interface in ("customer", "admin"):
        plain, secure = getattr(front, f"{interface}_http"), getattr(front, f"{interface}_https")
        found.append(Listener(interface, secure, tls=True))
        # Production's plain port speaks TLS as well: a browser that was told HSTS asks it that way.
        found.append(Listener(interface, plain, tls=front.production, redirect=secure if front.production else 0))
    if not front.production:
        found.append(Listener("unified", front.unified))
    return [listener for listener in found if listener.port]


def render(front: Front) -> str:
    """The whole file.

    Raises:
        BadVariable: a value holds characters that mean something to nginx.
    """
    for name, value in _texts(front):
        if value and not _SAFE.fullmatch(value):
            raise BadVariable(f"{name} can't be {value!r} in nginx's file")
    loader = FileSystemLoader(TEMPLATE.parent)
    templates = Environment(  # noqa: S701 - no HTML: every value was looked at above
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return templates.get_template(TEMPLATE.name).render(front=front, listeners=listeners(front))


def _texts(front: Front) -> list[tuple[str, str]]:
    """Every value as it will stand in the file (the words of a value with blanks one by one)."""
    found = []
    for item in fields(front):
        value: Any = getattr(front, item.name)
        words = value if isinstance(value, (list, tuple)) else str(value).split(" " if item.name == "user" else "\0")
        found += [(item.name, str(word)) for word in words]
    return found


def from_settings() -> Front:
    """The variables of this installation, from its environment (docs/settings.md)."""
    var, production = env.path("VAR_DIR", env.BASE_DIR / "var"), env.text("ENVIRONMENT") == "production"
    files = tls_files()
    hosts = env.words("ALLOWED_HOSTS", "" if production else "localhost,127.0.0.1,[::1]")
    return Front(
        environment="production" if production else "development",
        hosts=hosts,
        listen=addresses(everywhere=production),
        admin=f"unix:{var / 'run' / 'web' / 'admin.sock'}",
        customer=f"unix:{var / 'run' / 'web' / 'customer.sock'}",
        certificate=str(files.certificate),
        key=str(files.key),
        static=str(env.path("STATIC_ROOT", var / "static")) if production else "",
        run=str(var / "run" / "front"),
        logs=str(var / "log"),
    )


def addresses(*, everywhere: bool) -> list[str]:
    """Every address (or the loopback ones) of the protocols that this machine speaks."""
    four, six = ("0.0.0.0", "[::]") if everywhere else ("127.0.0.1", "[::1]")  # noqa: S104 - a public web server
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((six.strip("[]"), 0))
    except OSError:
        return [four]
    return [four, six]


def changed(front: Front, assignments: Sequence[str]) -> Front:
    """The same with other values, each given as ``name=value`` (lists with commas).

    Raises:
        BadVariable: there is no such variable, or a number is none.
    """
    known = {item.name: item.type for item in fields(Front)}
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        if name not in known:
            raise BadVariable(f"there is no variable {name!r}; there are {', '.join(known)}")
        if isinstance(getattr(front, name), int):
            if not value.isdecimal():
                raise BadVariable(f"{name} is a number, not {value!r}")
            values[name] = int(value)
        else:
            values[name] = value.split(",") if name in ("hosts", "listen") else value
    return replace(front, **values)


def prepare_folders(front: Front) -> None:
    """Make the folder of nginx's pid file and temporary files (nginx itself gives the latter to its workers)."""
    folder = Path(front.run)
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == folder.stat().st_uid:
        folder.chmod(0o755)
