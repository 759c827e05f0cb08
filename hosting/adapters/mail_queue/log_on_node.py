"""Runs on the node: lines of Exim's log about an address or a message, as one JSON document.

Called as ``python3 - find WORDS``: a JSON object with ``text`` (fixed, found in any case) and how much is looked for.
The newest file is read first, rotated ones after it, until enough was found or the time is over.
"""

import contextlib
import gzip
import json
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

FOLDER = "/var/log/exim4"
NAME = re.compile(r"mainlog(?:\.([0-9]{1,3})(?:\.gz)?)?")
LINE = re.compile(rb"[0-9-]{10} [0-9:]{8}(?:\.[0-9]+)?(?: [+-][0-9]{4})? (?:\[[0-9]+\] )?")
ID = re.compile(rb"([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) ")
#: Of one line, and lines of one message.
WIDTH, LINES = 2_000, 60


class Search:
    """What was found so far, and until when to go on.

    Args:
        text: looked for. messages: so many at most, the newest. refusals: likewise lines of no message.
        seconds: for both ways through the files, half for each.
    """

    def __init__(self, text: str, messages: int, refusals: int, seconds: float) -> None:
        self.text = text.lower().encode()
        self.messages, self.most_refusals = messages, refusals
        self.half = seconds / 2
        self.until = time.monotonic() + self.half
        self.found: dict[bytes, list[str]] = {}
        self.refused: list[str] = []
        self.complete = True
        self.files: list[str] = []

    def run(self) -> dict[str, Any]:
        """Find the messages, then all lines of each."""
        for name in logs():
            if len(self.found) >= self.messages or self.over():
                self.complete = False
                break
            self.files.append(name)
            self._look(name)
        self.until = time.monotonic() + self.half
        for name in self.files:
            self._gather(name)
        return {
            "complete": self.complete,
            "messages": {identity.decode(): lines for identity, lines in self.found.items()},
            "refused": self.refused,
        }

    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.until

    def _look(self, name: str) -> None:
        """Which messages a file knows by the text: the newest of them, and lines that belong to none."""
        new: dict[bytes, None] = {}
        refused: list[str] = []
        for number, line in enumerate(lines_of(name)):
            if number % 5_000 == 0 and self.over():
                self.complete = False
                break
            if self.text not in line.lower():
                continue
            identity = id_in(line)
            if identity:
                new.pop(identity, None)
                new[identity] = None
            elif b" rejected " in line or b" refused" in line:
                refused.append(shown(line))
        for identity in [one for one in reversed(new) if one not in self.found][: self.messages - len(self.found)]:
            self.found[identity] = []
        room = self.most_refusals - len(self.refused)
        self.refused = refused[-room:] + self.refused if room > 0 else self.refused

    def _gather(self, name: str) -> None:
        """Put a file's lines of each message before those of newer files."""
        told: dict[bytes, list[str]] = {}
        for number, line in enumerate(lines_of(name)):
            if number % 5_000 == 0 and self.over():
                self.complete = False
                break
            identity = id_in(line)
            if identity in self.found and len(kept := told.setdefault(identity, [])) < LINES:
                kept.append(shown(line))
        for identity, kept in told.items():
            self.found[identity] = [*kept, *self.found[identity]][:LINES]


def logs() -> list[str]:
    """The log's files, the newest first."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(FOLDER):
            if match := NAME.fullmatch(name):
                found.append((int(match[1] or 0), name))
    return [name for _age, name in sorted(found)]


def lines_of(name: str) -> Iterator[bytes]:
    """A file's lines; what an intruder could have put in its place is nothing."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        handle = os.open(f"{FOLDER}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield from gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file


def id_in(line: bytes) -> bytes:
    """The message that a line belongs to."""
    head = LINE.match(line)
    match = ID.match(line, head.end()) if head else None
    return match[1] if match else b""


def shown(line: bytes) -> str:
    """A line as text."""
    return line[:WIDTH].decode("utf-8", "replace").rstrip("\n")


def main(act: str, words: str) -> None:
    """Print what was found."""
    if act != "find":
        raise SystemExit("nobody knows that act")
    asked = json.loads(words)
    json.dump(Search(asked["text"], asked["messages"], asked["refusals"], asked["seconds"]).run(), sys.stdout)


main(*sys.argv[1:])
