"""Spans for OpenTelemetry, off unless an OTLP endpoint is configured; their ids are those of the log lines.

The SDK is imported when the first span is sent, never before: what is off costs one look at a setting. Spans go out in
batches from a thread of the SDK's; one that can't be sent is dropped there, and nobody waits for it.
"""

import atexit
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings

from observability import context
from observability.logging import get_logger
from observability.operations import CONFIGURATION
from observability.redaction import redact

#: Seconds that sending a batch may take, and that a process which ends waits for its last one.
_TIMEOUT = 2.0
_TEXT = 300

#: The span that encloses the running code, when it is one that will be sent.
_enclosing: ContextVar[str] = ContextVar("npanel_span", default="")
_lock = threading.Lock()
_sender: tuple[int, Any] | None = None
_refused = False


def is_on() -> bool:
    """Whether spans are sent."""
    return bool(getattr(settings, "NPANEL_OTLP_ENDPOINT", "")) and not _refused


def now() -> int:
    """The time as spans have it: nanoseconds since 1970."""
    return time.time_ns()


@contextmanager
def span(name: str, kind: str = "internal", **attributes: Any) -> Iterator[dict[str, Any]]:
    """Run a block as a span below the enclosing one; what is put into the dict that it gets becomes attributes."""
    if not is_on():
        yield {}
        return
    outer = context.activate(context.derive())
    try:
        with own_span(name, kind, _enclosing.get(), **attributes) as facts:
            yield facts
    finally:
        context.activate(outer)


@contextmanager
def own_span(name: str, kind: str = "internal", parent_id: str = "", **attributes: Any) -> Iterator[dict[str, Any]]:
    """Run a block as the span whose id the current trace has already (a request's, a task's)."""
    facts: dict[str, Any] = dict(attributes)
    if not is_on():
        yield facts
        return
    trace, began = context.current(), now()
    token = _enclosing.set(trace.span_id)
    error = ""
    try:
        yield facts
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        _enclosing.reset(token)
        error = str(facts.pop("error", "") or error)
        record(name, began, kind=kind, span_id=trace.span_id, parent_id=parent_id, error=error, attributes=facts)


def enclosing_id() -> str:
    """The id of the enclosing span, or ""."""
    return _enclosing.get()


def record(
    name: str,
    began: int,
    *,
    kind: str = "internal",
    span_id: str = "",
    parent_id: str = "",
    ended: int = 0,
    error: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Send one span of the current trace that is over.

    Args:
        began, ended: nanoseconds since 1970 (ended: now when left out).
        kind: internal, server, client, producer or consumer.
        parent_id: the id of the span above it ("": there is none).
        error: what went wrong, without secrets ("": nothing did).
        attributes: facts about it; they are redacted here.
    """
    if not is_on():
        return
    sender = _get_sender()
    if sender is not None:
        sender.on_end(_readable(name, began, ended or now(), kind, span_id, parent_id, error, attributes or {}))


def _readable(
    name: str,
    began: int,
    ended: int,
    kind: str,
    span_id: str,
    parent_id: str,
    error: str,
    attributes: Mapping[str, Any],
) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.status import Status, StatusCode

    return ReadableSpan(
        name=_text(name),
        context=_identity(span_id or context.new_span_id()),
        parent=_identity(parent_id) if parent_id else None,
        resource=_resource(),
        attributes=_clean(attributes),
        kind=SpanKind[kind.upper()],
        status=Status(StatusCode.ERROR, _text(error)) if error else Status(StatusCode.UNSET),
        start_time=began,
        end_time=max(began, ended),
    )


def _identity(span_id: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(context.current().trace_id, 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    interface = str(getattr(settings, "NPANEL_INTERFACE", "command"))
    name = f"npanel-{'portal' if interface == 'customer' else interface}"
    return Resource({"service.name": name, "service.version": str(getattr(settings, "NPANEL_VERSION", "0"))})


def _text(value: str) -> str:
    return str(redact(value))[:_TEXT]


def _clean(attributes: Mapping[str, Any]) -> dict[str, Any]:
    cleaned = redact(dict(attributes))
    return {
        key: value if isinstance(value, bool | int | float) else str(value)[:_TEXT]
        for key, value in cleaned.items()
        if value is not None and value != ""
    }


def _get_sender() -> Any:
    """The SDK's batching sender of this process; a forked child makes its own."""
    global _sender, _refused
    with _lock:
        if _sender is None or _sender[0] != os.getpid():
            try:
                _sender = (os.getpid(), _make_sender())
            except (ImportError, ValueError) as error:
                _refused = True
                get_logger(CONFIGURATION).error("tracing is off", error_message=str(error), status="failed")
                return None
        return _sender[1]


def _make_sender() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    endpoint = str(settings.NPANEL_OTLP_ENDPOINT).rstrip("/")
    address = endpoint if endpoint.endswith("/v1/traces") else f"{endpoint}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=address, timeout=_TIMEOUT)
    return BatchSpanProcessor(exporter, schedule_delay_millis=1000, export_timeout_millis=_TIMEOUT * 1000)


def flush() -> None:
    """Send what waits, for at most two seconds (end of a process)."""
    if _sender is not None and _sender[0] == os.getpid():
        thread = threading.Thread(target=_sender[1].force_flush, args=(int(_TIMEOUT * 1000),), daemon=True)
        thread.start()
        thread.join(_TIMEOUT)


def _forget_parents() -> None:
    global _lock
    _lock = threading.Lock()  # it may be held by a thread that does not exist in this child


os.register_at_fork(after_in_child=_forget_parents)
atexit.register(flush)
