"""Asks a node's mail server's log about an address or a message, and reads its lines as stories of messages."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from importlib import resources
from typing import Any

from hosting.connections.base import Run, Steps
from hosting.errors import HostingError
from hosting.state.mail_queue import MESSAGE_ID
from hosting.texts import N_

_PROGRAM = resources.files(__package__).joinpath("log_on_node.py").read_bytes()
#: So many messages, the newest, and so many refusals are told of.
MESSAGES, REFUSALS = 50, 30
_SECONDS, _PATIENCE = 20.0, 60.0
_DETAIL, _ADDRESS = 300, 320

_LINE = re.compile(r"([0-9-]{10} [0-9:]{8})(?:\.[0-9]+)?(?: [+-][0-9]{4})? (?:\[[0-9]+\] )?(?:(\S+) )?(.*)", re.DOTALL)
_QUOTED = r'"(?:[^"\\]|\\.)*"@\S+'
_SENDER = re.compile(rf"<= (?:<>|({_QUOTED}|\S+))")
_DELIVERY = re.compile(rf"(=>|->|>>|\*\*|==|\*>) ({_QUOTED}|\S+)(?: \(([^)]*)\))?(?: <([^>]*)>)?:?\s?(.*)", re.DOTALL)
_WHO = re.compile(r" U=(\S+) P=local")
_AUTH = re.compile(r" A=[a-z_]+:(\S+)")
_SIZE = re.compile(r" S=([0-9]{1,15})\b")
_FOR = re.compile(r" for (.+)$", re.DOTALL)
_ROUTE = re.compile(r"(?:[A-Z]{1,3}=(?:\"[^\"]*\"|\S+)|\[[^\]]*\]|QT=\S+|DT=\S+|CV=\S+|DKIM=\S+)\s*")
_REFUSED = re.compile(r"rejected (?:RCPT )?<?([^>\s:]*)>?:? ?(.*)", re.DOTALL)
_CONFIRMED = re.compile(r'C="([^"]*)"')


class What(StrEnum):
    """What happened to a message."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    HELD = "held"
    RELEASED = "released"
    DELETED = "deleted"
    COMPLETED = "completed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Args:
        at: by the node's clock. address: whom it was about. origin: what was written to, where that is an alias.
        detail: where it went, or what another server or Exim said.
    """

    at: str
    what: What
    address: str = ""
    origin: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What the log knows of a message.

    Args:
        sender: as it named itself. login: the Linux user whose program it was. auth: the mailbox that signed in.
        recipients: as it was accepted for. size: in bytes, 0 if that is not known.
    """

    message_id: str
    sender: str
    login: str
    auth: str
    recipients: tuple[str, ...]
    size: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Stories, the newest first, and mail that was not taken; ``complete`` is False where there may be more."""

    stories: tuple[Story, ...]
    refused: tuple[Event, ...]
    complete: bool

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose mail may be told of: a service's Linux user and its domains with mail."""

    login: str
    domains: frozenset[str]

    def has(self, address: str) -> bool:
        """Whether an address is one of theirs."""
        return address.rpartition("@")[2].lower() in self.domains


def search(text: str) -> Steps[Found]:
    """What the log says of an address or a message id.

    Raises:
        HostingError: ``command_failed``: the node's answer can't be read.
    """
    asked = {"text": text, "messages": MESSAGES, "refusals": REFUSALS, "seconds": _SECONDS}
    argv = ("/usr/bin/python3", "-I", "-S", "-", "find", json.dumps(asked))
    (reply,) = yield [Run(argv, stdin=_PROGRAM, timeout=_PATIENCE)]
    return found_in(reply.text)


def found_in(text: str) -> Found:
    """The program's answer as stories.

    Raises:
        HostingError: ``command_failed``.
    """
    try:
        said = json.loads(text)
        stories = [story_of(key, lines) for key, lines in said["messages"].items() if MESSAGE_ID.fullmatch(key)]
        refused = [event for line in said["refused"] if (event := refusal_of(line)) is not None]
        complete = said["complete"] is True
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HostingError(
            N_("The node's answer about its mail log can't be read."),
            code="command_failed",
            hint=N_("Look at the log there: /var/log/exim4/mainlog."),
        ) from error
    told = sorted((story for story in stories if story.events), key=lambda story: story.events[-1].at, reverse=True)
    return Found(tuple(told), tuple(reversed(refused)), complete)


def seen_by(found: Found, viewer: Viewer) -> Found:
    """What a customer may know: all of what their service sent, but for where others have their mail go on to; of
    other mail, what concerns their own addresses."""
    stories = [part for story in found.stories if (part := _part(story, viewer)) is not None]
    return Found(tuple(stories), tuple(event for event in found.refused if viewer.has(event.address)), found.complete)


def _part(story: Story, viewer: Viewer) -> Story | None:
    if story.login == viewer.login if story.login else story.auth and viewer.has(story.auth):
        return replace(story, events=tuple(_as_sent(event, viewer) for event in story.events))
    recipients = tuple(address for address in story.recipients if viewer.has(address))
    events = tuple(event for event in story.events if _concerns(event, viewer))
    if not recipients and not any(event.address for event in events):
        return None
    return replace(story, recipients=recipients, events=events, login="", auth="")


def _as_sent(event: Event, viewer: Viewer) -> Event:
    """An event as a sender may know it: where an address of somebody else's leads is theirs alone."""
    if not event.origin or viewer.has(event.origin):
        return event
    return replace(event, address=event.origin, origin="", detail="")


def _concerns(event: Event, viewer: Viewer) -> bool:
    return not event.address or viewer.has(event.origin or event.address)


def story_of(message_id: str, lines: Iterable[str]) -> Story:
    """The lines of one message, read."""
    story = Story(message_id, "", "", "", (), 0, ())
    events: list[Event] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or match[2] != message_id:
            continue
        if match[3].startswith("<= ") and not story.size:
            story = _accepted(story, match[3])
        if (event := _event(match[1], match[3])) is not None:
            events.append(event)
    return replace(story, events=tuple(events))


def refusal_of(line: str) -> Event | None:
    """A line about mail that was not taken."""
    match = _LINE.fullmatch(line)
    rest = _REFUSED.search(line)
    if match is None or rest is None:
        return None
    return Event(match[1], What.REFUSED, _clean(rest[1], _ADDRESS), "", _clean(rest[2]))


def _accepted(story: Story, text: str) -> Story:
    sender, who, auth = _SENDER.match(text), _WHO.search(text), _AUTH.search(text)
    size, to = _SIZE.search(text), _FOR.search(text)
    return replace(
        story,
        sender=_clean(sender[1] or "", _ADDRESS) if sender else "",
        login=_clean(who[1], _ADDRESS) if who else "",
        auth="" if who or auth is None else _clean(auth[1], _ADDRESS),
        size=int(size[1]) if size else 0,
        recipients=tuple(_clean(one, _ADDRESS) for one in to[1].split()[:50]) if to else (),
    )


_DELIVERIES: Mapping[str, What] = {
    "=>": What.DELIVERED, "->": What.DELIVERED, ">>": What.DELIVERED, "*>": What.DELIVERED, "**": What.BOUNCED,
    "==": What.DEFERRED,
}  # fmt: skip
_WORDS: tuple[tuple[str, What], ...] = (
    ("<= ", What.ACCEPTED), ("Completed", What.COMPLETED), ("Frozen", What.HELD), ("frozen by", What.HELD),
    ("Unfrozen", What.RELEASED), ("unfrozen by", What.RELEASED), ("removed by", What.DELETED),
    ("cancelled by", What.DELETED),
)  # fmt: skip


def _event(at: str, text: str) -> Event | None:
    if match := _DELIVERY.match(text):
        return _delivery(at, match)
    for word, what in _WORDS:
        if text.startswith(word):
            return Event(at, what)
    return None


def _delivery(at: str, match: re.Match[str]) -> Event:
    """A line of a delivery; what is left without Exim's own words is what somebody wants to read."""
    what, said = _DELIVERIES[match[1]], match[5]
    if what == What.DELIVERED:
        host = re.search(r"H=(\S+)", said)
        answer = _CONFIRMED.search(said)
        detail = " ".join(part for part in (host[1] if host else "", answer[1] if answer else "") if part)
    else:
        detail = _ROUTE.sub("", said).lstrip(": ")
    parent = match[4] or ""
    # Mail for a mailbox of the node is told as “name <address>”.
    address = match[2] if "@" in match[2] else parent or match[2]
    origin = parent if parent and parent != address else ""
    return Event(at, what, _clean(address, _ADDRESS), _clean(origin, _ADDRESS), _clean(detail))


def _clean(text: str, limit: int = _DETAIL) -> str:
    """A text as one line: whoever sends mail chooses what stands in it."""
    return "".join(sign if sign.isprintable() else "�" for sign in text.strip()[:limit])
