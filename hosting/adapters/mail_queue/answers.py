"""What the program on the node says of the queue, as typed values; what it could not have said is refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hosting.errors import HostingError
from hosting.state.mail_queue import MESSAGE_ID
from hosting.texts import N_

#: Longer texts are cut.
_ADDRESS, _SAID = 320, 400
#: Bytes at most, messages or recipients at most, and the last second (in the year 9999), so that rows can hold them.
_BYTES, _MANY, _LAST = 2**40, 2**31, 253_402_300_800


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the queue.

    Args:
        since: when it came, in seconds since 1970. size: bytes of its files.
        sender: "" for a mail server's own report. recipients: some of those it has not reached, ``count`` in all.
        domains: of those. auth: the mailbox that signed in to send it. login: the Linux user whose program sent it.
        said: what was last written down of it, e.g. why it could not be delivered.
    """

    message_id: str
    since: int
    size: int
    sender: str
    recipients: tuple[str, ...]
    count: int
    domains: tuple[str, ...]
    held: bool
    auth: str
    login: str
    said: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A node's queue: how many messages, since when the oldest waits (0: none), and the newest of them.

    ``present`` is False where no mail server has ever run.
    """

    present: bool
    total: int
    oldest: int
    messages: tuple[Waiting, ...]


def queue_of(text: str) -> Queue:
    """The answer to ``list``.

    Raises:
        HostingError: ``command_failed``: it is none.
    """
    said = _document(text)
    try:
        return Queue(
            present=said["present"] is True,
            total=_number(said["total"], _MANY),
            oldest=_number(said["oldest"], _LAST),
            messages=messages_of(text),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense() from error


def messages_of(text: str) -> tuple[Waiting, ...]:
    """The messages in an answer.

    Raises:
        HostingError: ``command_failed``: it is none.
    """
    try:
        return tuple(_message(row) for row in _document(text)["messages"])
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense() from error


def _document(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise _nonsense() from error
    if not isinstance(said, dict):
        raise _nonsense()
    return said


def _message(row: Mapping[str, Any]) -> Waiting:
    if not MESSAGE_ID.fullmatch(row["id"]):
        raise ValueError(row["id"])
    return Waiting(
        message_id=row["id"],
        since=_number(row["since"], _LAST),
        size=_number(row["size"], _BYTES),
        sender=_line(row["sender"], _ADDRESS),
        recipients=_lines(row["to"]),
        count=_number(row["count"], _MANY),
        domains=_lines(row["domains"]),
        held=row["held"] is True,
        auth=_line(row["auth"], _ADDRESS),
        login=_line(row["login"], _ADDRESS),
        said=_line(row["said"], _SAID),
    )


def _number(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value < most:
        raise ValueError(value)
    return value


def _line(value: Any, limit: int) -> str:
    """A text as one line: senders choose what stands in it."""
    if not isinstance(value, str):
        raise TypeError(value)
    return "".join(sign if sign.isprintable() else "�" for sign in value[:limit])


def _lines(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(_line(value, _ADDRESS) for value in values)


def _nonsense() -> HostingError:
    return HostingError(
        N_("The node's answer about its mail queue can't be read."),
        code="command_failed",
        hint=N_("Look at the queue there: exim4 -bp."),
    )
