"""The worker's doorbell: a datagram without content, so that nobody waits for the next poll."""

import os
import socket
from pathlib import Path

from django.conf import settings


def ring() -> None:
    """Wake the worker's dispatcher. No worker there is no error: it polls as well."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        try:
            bell.sendto(b"", str(settings.NPANEL_DOORBELL))
        except OSError:
            return


class Doorbell:
    """The worker's end: wait for a ring, at most some seconds."""

    def __init__(self) -> None:
        path: Path = settings.NPANEL_DOORBELL
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        # Web processes run as another user; ringing tells nothing and starts nothing but a look into the database.
        os.chmod(path, 0o622)  # noqa: S103 - meant: whoever can reach it may ring

    def wait(self, seconds: float) -> None:
        """Return at a ring or after ``seconds``; rings that piled up count as one."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1)
        except OSError:
            return
        self._socket.settimeout(0.0)
        try:
            while True:
                self._socket.recv(1)
        except OSError:
            return

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
