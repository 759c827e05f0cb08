"""Runs on the node as the spam filter's user, once for each lesson: takes a mail, and whether it is spam.

A lesson counts for its mail domain alone, and only the Linux user whose mailbox it is may give it: who is on the other
end of the connection, the kernel says.
"""

import http.client
import os
import pwd
import re
import socket
import struct
import sys
from pathlib import Path

CONTROLLER = "/run/rspamd/controller.sock"
BOXES = "/etc/npanel/mail/boxes"
_AT_MOST = 513 * 1024
_PATIENCE = 15.0
_FIRST = re.compile(rb"(spam|ham) ([a-z0-9][a-z0-9._-]{0,63}|_[a-z0-9._-]{0,63})@([a-z0-9][a-z0-9.-]{0,252})")
#: 200: learned. 208: known already. 204: too short or too sure to learn anything from.
_TAKEN = (200, 204, 208)


def lesson_of(data: bytes) -> tuple[str, str, str, bytes] | None:
    """Verdict, local part, domain and mail, None for anything else."""
    first, _, mail = data.partition(b"\n")
    match = _FIRST.fullmatch(first)
    if match is None or not mail or b".." in first:
        return None
    verdict, local_part, domain = (part.decode() for part in match.groups())
    return verdict, local_part, domain, mail


def owner_of(local_part: str, domain: str, boxes: str = BOXES) -> str:
    """The Linux user whose mailbox it is, "" if there is none."""
    try:
        lines = Path(boxes, domain, local_part).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("owner: ") for line in lines if line.startswith("owner: ")), "")


def peer_of(connection: socket.socket) -> str:
    """The name of the user on the other end, "" for one who has none."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", credentials)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


class _Controller(http.client.HTTPConnection):
    """The filter's door for lessons."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(CONTROLLER)


def learn(verdict: str, address: str, mail: bytes) -> int:
    """Tell the filter; gives its answer's status."""
    controller = _Controller("localhost", timeout=_PATIENCE)
    controller.request("POST", f"/learn{verdict}", mail, {"Deliver-To": address})
    return controller.getresponse().status


def received(connection: socket.socket) -> bytes:
    """All that the other end has to say, up to what is useful."""
    data = b""
    while len(data) < _AT_MOST and (part := connection.recv(65536)):
        data += part
    return data


def main(connection: socket.socket) -> str:
    """Take one lesson; gives what is worth a line in the node's journal."""
    connection.settimeout(_PATIENCE)
    lesson = lesson_of(received(connection))
    if lesson is None:
        return "not a lesson"
    verdict, local_part, domain, mail = lesson
    owner, peer = owner_of(local_part, domain), peer_of(connection)
    if not owner or peer != owner:
        return f"{peer or 'nobody'} may not teach for {domain}"
    status = learn(verdict, f"{local_part}@{domain}", mail)
    return f"{verdict} for {domain}" if status in _TAKEN else f"{verdict} for {domain}: the filter answers {status}"


if __name__ == "__main__":
    try:
        said = main(socket.socket(fileno=os.dup(0)))
    except (OSError, http.client.HTTPException) as error:
        said = f"{type(error).__name__}: {error}"
    sys.stderr.write(f"{said}\n")
