#!/usr/bin/python3 -IS
"""Runs as a mailbox's owner when a mail is moved into or out of Junk: hands it to the node's learner.

Called by Dovecot as ``teach spam|ham ADDRESS`` with the mail as its input.
"""

import socket
import sys

LEARNER = "/run/npanel-mail-learner.sock"
#: Of a longer mail the filter needs no more than this to know it again.
_AT_MOST = 512 * 1024
_PATIENCE = 8.0


def teach(lesson: str, address: str, mail: bytes, learner: str = LEARNER) -> None:
    """Give one lesson, and wait until it was taken, so that many moved at once come one after the other."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(learner)
        connection.sendall(f"{lesson} {address}\n".encode() + mail)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


if __name__ == "__main__":
    try:
        teach(sys.argv[1], sys.argv[2], sys.stdin.buffer.read(_AT_MOST))
    except OSError:
        sys.exit(75)
