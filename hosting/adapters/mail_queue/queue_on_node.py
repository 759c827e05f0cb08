"""Runs on the node: what waits in Exim's queue, as one JSON document; or has some of it tried again now.

Called as ``python3 - list NUMBER``, ``python3 - show ID …`` or ``python3 - retry ID …``. The form of a spool file's
first part, the envelope, is in Exim's specification ("Format of spool files"); texts of messages are not read.
"""

import contextlib
import io
import json
import os
import re
import stat
import subprocess
import sys
from typing import Any

SPOOL = "/var/spool/exim4"
ID = re.compile(r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}")
#: The first six signs of an id are the second it was made in, to the base 62; their order is that of time.
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ENVELOPE_MAX, LOG_MAX, RECIPIENTS_MAX = 262_144, 4_096, 50
#: So long an answer gets across; senders choose how long addresses are.
ANSWER_MAX = 8_000_000
#: How long a delivery that was asked for is watched; it goes on by itself after that.
PATIENCE = 8.0
#: Lines of a message's log that say nothing of why it waits.
UNTOLD = re.compile(r"eceived from|transport succeeded$")
ADDRESS = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^\s"])*)(?: .*#[0-9]+)?')


def read(path: str, limit: int, *, end: bool = False) -> bytes:
    """The first (or last) bytes of a regular file; what an intruder could have put there instead is nothing."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                return b""
            return os.pread(handle, limit, max(0, facts.st_size - limit) if end else 0)
        finally:
            os.close(handle)
    return b""


def size_of(path: str) -> int:
    """A file's size, 0 for none."""
    with contextlib.suppress(OSError):
        return os.lstat(path).st_size
    return 0


def second_of(identity: str) -> int:
    """When a message came, by its id."""
    found = 0
    for digit in identity[:6]:
        found = found * 62 + DIGITS.index(digit)
    return found


def spooled() -> dict[str, str]:
    """Where each message's files lie, by its id, the oldest first."""
    found: dict[str, str] = {}
    top = f"{SPOOL}/input"
    for folder in (top, *(f"{top}/{digit}" for digit in DIGITS)):
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.endswith("-H") and ID.fullmatch(name[:-2]):
                    found[name[:-2]] = folder
    return dict(sorted(found.items()))


def delivered(lines: io.StringIO) -> set[str]:
    """Addresses that need the message no more: a tree, each line with a Y for each branch below it."""
    found: set[str] = set()
    left = 1
    while left:
        marks, _, address = lines.readline().rstrip("\n").partition(" ")
        if not re.fullmatch("[XYN]{2}", marks):
            break
        left += marks.count("Y") - 1
        if marks != "XX":
            found.add(address)
    return found


def options(lines: io.StringIO) -> tuple[dict[str, str], str]:
    """The named values of an envelope, without those of access lists, and the line after them."""
    found: dict[str, str] = {}
    while (line := lines.readline()).startswith("-"):
        name, _, value = line.rstrip("\n").lstrip("-").partition(" ")
        name = re.sub(r"^\([^)]*\)", "", name)
        if name in ("aclc", "aclm"):
            lines.read(int(value.rpartition(" ")[2]))
            lines.readline()
        else:
            found[name] = value
    return found, line


def address_in(line: str) -> str:
    """The address that a recipient's line begins with."""
    match = ADDRESS.match(line)
    return match[1] if match else line


def envelope(identity: str, folder: str) -> dict[str, Any] | None:
    """What is known of a message without its text; None for one that has gone meanwhile."""
    data = read(f"{folder}/{identity}-H", ENVELOPE_MAX)
    lines = io.StringIO(data.decode("latin-1"), newline="\n")
    if lines.readline().rstrip("\n") != f"{identity}-H":
        return None
    login = lines.readline().partition(" ")[0]
    sender = lines.readline().rstrip("\n")[1:-1]
    since = int(lines.readline().partition(" ")[0])
    known, line = options(lines)
    lines = io.StringIO(line + lines.read(), newline="\n")
    done = delivered(lines)
    many = int(lines.readline())
    to = [address_in(lines.readline().rstrip("\n")) for _ in range(many)]
    done.update(read(f"{folder}/{identity}-J", ENVELOPE_MAX).decode("latin-1").splitlines())
    waiting = [address for address in to if address not in done]
    return {
        "id": identity,
        "since": since,
        "size": len(data) + size_of(f"{folder}/{identity}-D"),
        "sender": sender,
        "login": login if "local" in known else "",
        # Of a program on the node itself this is its user again.
        "auth": "" if "local" in known else known.get("auth_id", ""),
        "held": "frozen" in known,
        "count": len(waiting),
        "to": waiting[:RECIPIENTS_MAX],
        "domains": sorted({address.rpartition("@")[2] for address in waiting})[:RECIPIENTS_MAX],
        "said": last_word(identity),
    }


def last_word(identity: str) -> str:
    """Why a message still waits, as it was last written down."""
    for folder in (f"{SPOOL}/msglog", f"{SPOOL}/msglog/{identity[5]}"):
        lines = read(f"{folder}/{identity}", LOG_MAX, end=True).decode("latin-1").splitlines()
        told = [line for line in lines if line[:1].isdigit() and not UNTOLD.search(line)]
        if told:
            return told[-1]
    return ""


def looked_at(places: dict[str, str]) -> list[dict[str, Any]]:
    """The envelopes that can be read: of too many long ones the newest."""
    found: list[dict[str, Any]] = []
    room = ANSWER_MAX
    for identity, folder in reversed(places.items()):
        with contextlib.suppress(ValueError, TypeError):
            one = envelope(identity, folder)
            room -= len(json.dumps(text_of(one)))
            if room < 0:
                break
            found += [one] if one is not None else []
    return found[::-1]


def listed(limit: int) -> dict[str, Any]:
    """The newest messages, and how many there are."""
    places = spooled()
    newest = dict(list(places.items())[-limit:])
    return {
        "present": os.path.isdir(f"{SPOOL}/input"),
        "total": len(places),
        "oldest": second_of(next(iter(places))) if places else 0,
        "messages": looked_at(newest),
    }


def retried(ids: tuple[str, ...]) -> dict[str, Any]:
    """Have Exim try to deliver, and see for a while how that goes."""
    none = subprocess.DEVNULL
    command = ["/usr/sbin/exim4", "-M", *ids]
    delivery = subprocess.Popen(command, start_new_session=True, stdin=none, stdout=none, stderr=none)
    with contextlib.suppress(subprocess.TimeoutExpired):
        delivery.wait(PATIENCE)
    return {"ended": delivery.returncode is not None}


def text_of(value: Any) -> Any:
    """Texts as UTF-8, for they were read byte by byte."""
    if isinstance(value, str):
        return value.encode("latin-1", "replace").decode("utf-8", "replace")
    if isinstance(value, list):
        return [text_of(one) for one in value]
    return {name: text_of(one) for name, one in value.items()} if isinstance(value, dict) else value


def main(act: str, *words: str) -> dict[str, Any]:
    """What was asked for."""
    if act == "list":
        return listed(int(words[0]))
    if not all(map(ID.fullmatch, words)):
        raise SystemExit("that is no id of a message")
    if act == "show":
        places = spooled()
        return {"messages": looked_at({one: places[one] for one in words if one in places})}
    return retried(words)


json.dump(text_of(main(*sys.argv[1:])), sys.stdout)
