"""Runs on the node: which certificate mail programs are shown for a name. Called as ``python3 - shown NAME``."""

import hashlib
import socket
import ssl
import sys

#: Submission and IMAP, both with TLS from the first byte (RFC 8314).
PORTS = (465, 993)


def shown(port: int, name: str) -> str:
    """SHA-256 of the certificate; validity is not looked at."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def said(port: int, name: str) -> str:
    """The digest, or what went wrong."""
    try:
        return shown(port, name)
    except OSError as error:
        return f"{type(error).__name__}: {error}"[:200].replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write("".join(f"{said(port, sys.argv[2])}\n" for port in PORTS))
