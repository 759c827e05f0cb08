"""Frames between NPanel and its agent: a 4-byte big-endian length, then one JSON object."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from typing import Any

VERSION = 1
# Comes before the hello, so that what a login shell or sudo prints first can be told from the agent.
MAGIC = b"\0npanel-agent\0"
MAX_FRAME = 96 * 1024 * 1024
MAX_IN_FLIGHT = 32
_HEADER = struct.Struct(">I")


class MalformedFrame(Exception):
    """The other side does not speak the protocol; the connection cannot go on."""


class Refused(Exception):
    """One request that is answered with an error instead of a result.

    Args:
        code: what kind of refusal, snake_case; ``protocol.py`` turns it into a typed error.
        message: one sentence about what happened.
        facts: JSON-ready extras, e.g. ``exit_status``.
    """

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts

    def as_reply(self) -> dict[str, Any]:
        """The refusal as it is sent: ``{"error": {"code", "message", …}}``."""
        return {"error": {"code": self.code, "message": self.message, **self.facts}}


def encode(value: Any) -> bytes:
    """Compact JSON as UTF-8; names that are not valid UTF-8 keep their surrogates, escaped."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def frame(body: bytes) -> bytes:
    """A body with its length in front.

    Raises:
        MalformedFrame: the body is larger than MAX_FRAME.
    """
    if len(body) > MAX_FRAME:
        raise MalformedFrame(f"a frame of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return _HEADER.pack(len(body)) + body


def read_frame(read: Callable[[int], bytes]) -> dict[str, Any] | None:
    """Read one frame.

    Args:
        read: returns exactly so many bytes, or fewer only when the stream has ended.

    Returns:
        The JSON object, or None when the stream ended between two frames.

    Raises:
        MalformedFrame: the stream ended inside a frame, the length is 0 or over MAX_FRAME, or it is no JSON object.
    """
    header = read(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise MalformedFrame("the stream ended inside a frame's length")
    (length,) = _HEADER.unpack(header)
    if not 0 < length <= MAX_FRAME:
        raise MalformedFrame(f"a frame's length is {length}; 1 to {MAX_FRAME} is allowed")
    body = read(length)
    if len(body) < length:
        raise MalformedFrame(f"the stream ended after {len(body)} of a frame's {length} bytes")
    return parse(body)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a frame's body.

    Raises:
        MalformedFrame: it is something else.
    """
    try:
        message = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MalformedFrame("a frame holds no valid JSON") from error
    if not isinstance(message, dict):
        raise MalformedFrame("a frame holds no JSON object")
    return message


def to_text(data: bytes) -> str:
    """Bytes as they travel in JSON: base64."""
    return base64.b64encode(data).decode("ascii")


def to_bytes(text: str) -> bytes:
    """The reverse of :func:`to_text`.

    Raises:
        ValueError: it is no base64.
    """
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("no valid base64") from error
