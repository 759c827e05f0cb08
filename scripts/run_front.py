"""The nginx in front of the panel as `make run` starts it: production's file with development's values."""

import os
from pathlib import Path

from npanel.front import Front, addresses, render
from observability.certificates import ensure_self_signed
from scripts.run_options import HOST, Options

_HOSTS = "localhost,127.0.0.1,[::1]"


def front_of(options: Options, user: str) -> Front:
    """The variables of its file.

    Args:
        user: who nginx's workers are when root starts it.
    """
    ports, tls = options.ports, options.var / "tls"
    return Front(
        hosts=os.environ.get("NPANEL_ALLOWED_HOSTS", _HOSTS).split(","),
        listen=addresses(everywhere=False),
        unified=ports.unified,
        customer_http=ports.customer_http,
        customer_https=ports.customer_https,
        admin_http=ports.admin_http,
        admin_https=ports.admin_https,
        probes=ports.probes,
        admin=options.bind("admin"),
        customer=options.bind("customer"),
        certificate=str(tls / "panel.crt"),
        key=str(tls / "panel.key"),
        run=str(options.var / "run" / "front"),
        logs=str(options.var / "log"),
        user=f"{user} {_group(user)}" if os.geteuid() == 0 else "",
        workers="1",
    )


def _group(user: str) -> str:
    return "nogroup" if user == "nobody" else user


def front_command(options: Options, user: str) -> list[str]:
    """Write its file, make its certificate if there is none, and give the command that starts it."""
    front = front_of(options, user)
    ensure_self_signed(Path(front.certificate), Path(front.key))
    file = Path(front.run) / "nginx.conf"
    file.write_text(render(front))
    return nginx_command(options.nginx, front, file)


def nginx_command(nginx: str, front: Front, file: Path) -> list[str]:
    """How to start an nginx of our own on a file: it stays in the foreground and touches nothing of the system's."""
    return [nginx, "-e", "stderr", "-p", front.run, "-c", str(file), "-g", "daemon off;"]


def doors(options: Options) -> list[tuple[str, str, str]]:
    """The addresses to show: a name, the address, a note."""
    ports = options.ports
    if not options.nginx:
        return [
            ("console", f"{options.address('admin')}/admin/", ""),
            ("portal", f"{options.address('customer')}/portal/", ""),
        ]
    return [
        ("both", f"http://{HOST}:{ports.unified}/", "development only: /admin/ and /portal/"),
        ("console", f"{options.address('admin')}/admin/", ""),
        ("", f"https://{HOST}:{ports.admin_https}/admin/", "with a certificate signed by itself"),
        ("portal", f"{options.address('customer')}/portal/", ""),
        ("", f"https://{HOST}:{ports.customer_https}/portal/", "with a certificate signed by itself"),
    ]
