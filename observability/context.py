"""Carries the ids that tie a click to a shell command through threads, processes and the queue.

Three ids (OPERATIONS §3): ``trace_id`` from click to command, ``correlation_id`` for a business
transaction, ``request_id`` for one HTTP request. The wire form is W3C Trace Context level 1
(https://www.w3.org/TR/trace-context/), whose ``traceparent`` is ``00-<32 hex>-<16 hex>-<2 hex>``.
"""

import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_CORRELATION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class Trace:
    """The ids of the work at hand; an empty string means the id does not apply."""

    trace_id: str
    span_id: str
    correlation_id: str = ""
    request_id: str = ""


def new_trace_id() -> str:
    """32 hex digits, never all zero (W3C Trace Context §3.2.2.3)."""
    return f"{secrets.randbelow(2**128 - 1) + 1:032x}"


def new_span_id() -> str:
    """16 hex digits, never all zero (W3C Trace Context §3.2.2.4)."""
    return f"{secrets.randbelow(2**64 - 1) + 1:016x}"


def new_request_id() -> str:
    """A fresh id for one HTTP request; clients never choose it."""
    return str(uuid.uuid4())


def new_correlation_id() -> str:
    """A fresh id for one business transaction."""
    return uuid.uuid4().hex


def valid_trace_id(text: str) -> bool:
    """Whether ``text`` is 32 lower-case hex digits that are not all zero."""
    return _TRACE_ID.fullmatch(text) is not None and text != "0" * 32


def valid_span_id(text: str) -> bool:
    """Whether ``text`` is 16 lower-case hex digits that are not all zero."""
    return _SPAN_ID.fullmatch(text) is not None and text != "0" * 16


def valid_correlation_id(text: str) -> bool:
    """Whether ``text`` is 8 to 64 letters, digits, dots, dashes or underscores."""
    return _CORRELATION_ID.fullmatch(text) is not None


def parse_traceparent(header: str) -> tuple[str, str] | None:
    """Read ``(trace_id, parent span_id)`` from a ``traceparent`` header, or None when it is malformed.

    Version ``ff`` is forbidden; version ``00`` has nothing after the flags; later versions may (W3C §4.3).
    """
    match = _TRACEPARENT.fullmatch(header.strip()) if len(header) <= 256 else None
    if match is None:
        return None
    version, trace_id, span_id, _flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    return (trace_id, span_id) if valid_trace_id(trace_id) and valid_span_id(span_id) else None


def format_traceparent(trace: Trace | None = None) -> str:
    """The ``traceparent`` header that sends ``trace`` (default: the current one) on."""
    sent = trace or current()
    return f"00-{sent.trace_id}-{sent.span_id}-{_SAMPLED}"


# Lines logged outside any request or job (start-up, shutdown) still need a trace id.
_process_trace = Trace(new_trace_id(), new_span_id())
_current: ContextVar[Trace | None] = ContextVar("npanel_trace", default=None)


def current() -> Trace:
    """The ids of the running work; outside of any, those of the process itself."""
    return _current.get() or _process_trace


def activate(trace: Trace | None) -> Trace | None:
    """Make ``trace`` current and return the one it replaces, for code that can't use a ``with`` block."""
    previous = _current.get()
    _current.set(trace)
    return previous


def derive(*, trace_id: str = "", span_id: str = "", correlation_id: str = "", request_id: str = "") -> Trace:
    """Build a trace: each id is the given one, else the enclosing trace's, else (trace and span) new."""
    outer = _current.get() or Trace("", "")
    return Trace(
        trace_id=trace_id or outer.trace_id or new_trace_id(),
        span_id=span_id or new_span_id(),
        correlation_id=correlation_id or outer.correlation_id,
        request_id=request_id or outer.request_id,
    )


@contextmanager
def bind_trace(
    *, trace_id: str = "", span_id: str = "", correlation_id: str = "", request_id: str = ""
) -> Iterator[Trace]:
    """Run a block under the given ids; missing ones are inherited, a missing trace id is new."""
    trace = derive(trace_id=trace_id, span_id=span_id, correlation_id=correlation_id, request_id=request_id)
    previous = activate(trace)
    try:
        yield trace
    finally:
        activate(previous)


def snapshot() -> dict[str, str]:
    """The current ids as a plain dict (only those that are set), to cross a queue, a process or a thread."""
    trace = current()
    pairs = {
        "trace_id": trace.trace_id,
        "span_id": trace.span_id,
        "correlation_id": trace.correlation_id,
        "request_id": trace.request_id,
    }
    return {name: value for name, value in pairs.items() if value}


@contextmanager
def restore(snapshot: Mapping[str, str]) -> Iterator[Trace]:
    """Run a block under the ids of ``snapshot`` with a new span; malformed ids are replaced, not trusted."""
    trace_id = snapshot.get("trace_id", "")
    correlation_id = snapshot.get("correlation_id", "")
    trace = Trace(
        trace_id=trace_id if valid_trace_id(trace_id) else new_trace_id(),
        span_id=new_span_id(),
        correlation_id=correlation_id if valid_correlation_id(correlation_id) else "",
        request_id=snapshot.get("request_id", ""),
    )
    previous = activate(trace)
    try:
        yield trace
    finally:
        activate(previous)
