"""Write what the agent did into the node's own journal, with the trace id (never standard input, headers or bodies)."""

from __future__ import annotations

import shlex
import socket
import struct
import sys

JOURNALD = "/run/systemd/journal/socket"
SYSLOG = "/dev/log"
ARGV_MAX = 4096
IDENTIFIER = "npanel-agent"
_INFO, _WARNING, _DAEMON = 6, 4, 3


class Journal:
    """Sends entries to journald's native socket, else to syslog, else to standard error.

    Args:
        journald, syslog: paths of the two datagram sockets.
    """

    def __init__(self, journald: str = JOURNALD, syslog: str = SYSLOG) -> None:
        self._journald, self._syslog = journald, syslog

    def record(self, argv: list[str], *, trace: str, operation: str, status: int, seconds: float) -> None:
        """One command or change of a file: what, for which operation, how it ended, how long it took."""
        command = shlex.join(argv)[:ARGV_MAX]
        message = f"{command} exit={status} ms={seconds * 1000:.0f} trace={trace}"
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(_WARNING if status else _INFO),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "NPANEL_TRACE_ID": trace,
            "NPANEL_OPERATION_ID": operation,
            "NPANEL_ARGV": command,
            "NPANEL_EXIT": str(status),
            "NPANEL_DURATION_MS": f"{seconds * 1000:.0f}",
        }
        if not _send(self._journald, b"".join(_field(name, value) for name, value in fields.items())):
            self._fall_back(message, _WARNING if status else _INFO)

    def _fall_back(self, message: str, priority: int) -> None:
        line = " ".join(message.splitlines())
        datagram = f"<{_DAEMON * 8 + priority}>{IDENTIFIER}: {line}"
        if not _send(self._syslog, datagram.encode("utf-8", "surrogateescape")):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _field(name: str, value: str) -> bytes:
    """One field of journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL); newlines need a length."""
    data = value.encode("utf-8", "surrogateescape")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def _send(path: str, datagram: bytes) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.settimeout(1.0)
            wire.sendto(datagram, path)
    except OSError:
        return False
    return True
