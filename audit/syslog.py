"""Sends one message to syslog (RFC 5424), where somebody else keeps it: a unix socket, ``udp://`` or ``tcp://``."""

import datetime
import socket
from urllib.parse import urlsplit

from django.conf import settings

#: Facility 13 (log audit), severity 5 (notice).
_PRIORITY = 13 * 8 + 5
_TIMEOUT_S = 3.0


def send(text: str) -> None:
    """Send ``text`` to NPANEL_AUDIT_SYSLOG, if that is set.

    Raises:
        OSError: nobody took it.
    """
    target = settings.NPANEL_AUDIT_SYSLOG
    if not target:
        return
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = f"<{_PRIORITY}>1 {at} {socket.gethostname()} npanel-audit - checkpoint - {text}".encode()
    address = urlsplit(target)
    if address.scheme == "tcp":
        with socket.create_connection((address.hostname or "", address.port or 514), _TIMEOUT_S) as link:
            link.sendall(f"{len(message)} ".encode() + message)  # RFC 6587, octet counting
    elif address.scheme == "udp":
        family, kind, number, _name, where = socket.getaddrinfo(
            address.hostname, address.port or 514, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, number) as link:
            link.sendto(message, where)
    else:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.settimeout(_TIMEOUT_S)
            link.sendto(message, address.path or target)
