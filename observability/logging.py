"""Writes every line, ours and foreign libraries', as one JSON object with the fields that OPERATIONS §3 fixes."""

import datetime
import json
import logging
import logging.config
import logging.handlers
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import structlog

from observability import context
from observability.operations import PYTHON_LOG, known_operations, operation_of_logger, require_operation
from observability.redaction import redact, redact_text

_EventDict = MutableMapping[str, Any]

STATUSES = ("success", "failed", "timeout", "retrying", "partial")
OPTIONAL_FIELDS = (
    "correlation_id", "request_id", "tenant_id", "user_id", "actor_id", "actor_role", "duration_ms", "status",
    "error_code", "error_message", "tags",
)  # fmt: skip
#: Bytes of the longest line that is written; Loki's own limit is 256 KB.
LONGEST_LINE = 200_000
_SHORT = 2_000
_LEVELS = {"warn": "warning", "exception": "error", "fatal": "critical", "notset": "debug"}
_QUIET_LOGGERS = {
    # The request middleware writes the line for each request, without the query string.
    "django.server": "ERROR",
    "django.db.backends": "INFO",
    "paramiko.transport": "WARNING",
    "asyncio": "WARNING",
    "MARKDOWN": "WARNING",
}
# These libraries bring handlers of their own, whose lines would not be JSON.
_ADOPTED_LOGGERS = ("django", "django.server", "django-q", "gunicorn.error", "gunicorn.access")


class _Service:
    """The name of the running process for the ``service`` field."""

    name = "npanel"


def get_logger(operation: str = "", *, service: str = "") -> Any:
    """A structlog logger whose lines carry ``operation`` (and ``service``, default: the process's own).

    Raises:
        UnknownOperation: ``operation`` is not registered in :mod:`observability.operations`.
    """
    fields: dict[str, str] = {}
    if operation:
        fields["operation"] = require_operation(operation)
    if service:
        fields["service"] = service
    return structlog.stdlib.get_logger(**fields)


@contextmanager
def bind_fields(**fields: Any) -> Iterator[None]:
    """Put ``fields`` (tenant_id, user_id, actor_id, actor_role, …) on every line that the block logs."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def bind_to_request(**fields: Any) -> None:
    """Put ``fields`` on all further lines of the HTTP request that this is; elsewhere nothing would take them off."""
    if "ip" in structlog.contextvars.get_contextvars():  # the request middleware put it there, and clears all
        structlog.contextvars.bind_contextvars(**fields)


def configure(
    *,
    service: str,
    level: str = "INFO",
    stream: str | TextIO | None = "stderr",
    file: str | Path | None = None,
) -> None:
    """Send structlog and the standard library's logging to ``stream`` and/or ``file`` as JSON lines.

    Args:
        service: the value of the ``service`` field, such as ``npanel-admin`` or ``npanel-worker``.
        level: the lowest level written, such as ``INFO``.
        stream: ``"stdout"``, ``"stderr"``, an open text stream, or None for no stream.
        file: a path to append to; it is reopened after logrotate moved it.
    """
    _Service.name = service
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    logging.config.dictConfig(_stdlib_config(level))
    for name in _ADOPTED_LOGGERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    root = logging.getLogger()
    for handler in _handlers(stream, file):
        handler.setFormatter(_formatter())
        handler.addFilter(_drop_logged_requests)
        root.addHandler(handler)


def _stdlib_config(level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "root": {"level": level.upper(), "handlers": []},
        "loggers": {name: {"level": quiet, "propagate": True} for name, quiet in _QUIET_LOGGERS.items()},
    }


def _handlers(stream: str | TextIO | None, file: str | Path | None) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if stream is not None:
        named = {"stdout": sys.stdout, "stderr": sys.stderr}
        handlers.append(_Stream(named[stream] if isinstance(stream, str) else stream))
    if file is not None:
        handlers.append(_File(file, spare=stream is None))
    return handlers or [logging.NullHandler()]


class _Stream(logging.StreamHandler[TextIO]):
    """Writes to a stream; logging's own report of a line that could not be written would show it unredacted."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """There is nowhere left to say it."""


class _File(logging.handlers.WatchedFileHandler):
    """Writes to a file; a line that it does not take goes to standard error, where nothing else writes there.

    Args:
        spare: whether standard error has not had the line already.
    """

    def __init__(self, file: str | Path, *, spare: bool) -> None:
        super().__init__(file, encoding="utf-8")
        self._spare = _Stream(sys.stderr) if spare else None

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - the library's name
        """Both write the same form."""
        super().setFormatter(fmt)
        if self._spare is not None:
            self._spare.setFormatter(fmt)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Logging's own report would show the line unredacted; a full disk is the health check's to tell."""
        if self._spare is not None:
            self._spare.handle(record)


def _formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, structlog.stdlib.ExtraAdder(), _foreign_operation],
        processors=[_shape_line, _render],
    )


def _drop_logged_requests(record: logging.LogRecord) -> bool:
    """Leave out Django's own line about a request that our middleware logs with more detail."""
    return not (record.name == "django.request" and hasattr(getattr(record, "request", None), "trace_id"))


def _foreign_operation(_logger: Any, _method: str, event: _EventDict) -> _EventDict:
    record = event.get("_record")
    if record is not None:
        event["operation"] = operation_of_logger(record.name)
        event["logger"] = record.name
    for unserialisable in ("request", "_from_structlog_extra"):
        event.pop(unserialisable, None)
    return event


def _shape_line(_logger: Any, method: str, event: _EventDict) -> _EventDict:
    """Order the mandatory and optional fields, move the rest under ``context``, and redact it all."""
    record = event.pop("_record", None)
    event.pop("_from_structlog", None)
    _describe_exception(event, record)
    line = _mandatory(event, record, method)
    trace = context.current()
    event.setdefault("correlation_id", trace.correlation_id)
    event.setdefault("request_id", trace.request_id)
    for name in OPTIONAL_FIELDS:
        value = event.pop(name, None)
        if value not in (None, ""):
            line[name] = redact(value)
    details = redact(dict(event))
    if details:
        line["context"] = details
    return line


def _mandatory(event: _EventDict, record: logging.LogRecord | None, method: str) -> dict[str, Any]:
    level = (record.levelname if record else method or "info").lower()
    event.pop("level", None)
    event.pop("timestamp", None)
    operation = event.pop("operation", None) or PYTHON_LOG
    if operation not in known_operations():
        event["unregistered_operation"] = operation
        operation = PYTHON_LOG
    return {
        "timestamp": _timestamp(record),
        "level": _LEVELS.get(level, level),
        "service": str(event.pop("service", None) or _Service.name),
        "operation": operation,
        "trace_id": str(event.pop("trace_id", None) or context.current().trace_id),
        "message": redact_text(str(event.pop("event", ""))),
    }


def _timestamp(record: logging.LogRecord | None) -> str:
    now = datetime.datetime.now(datetime.UTC)
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC) if record else now
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _describe_exception(event: _EventDict, record: logging.LogRecord | None) -> None:
    error = _exception_of(event.pop("exc_info", None)) or _exception_of(record.exc_info if record else None)
    event.pop("stack_info", None)
    if error is None:
        return
    event.setdefault("error_code", str(getattr(error, "code", "") or type(error).__name__))
    event.setdefault("error_message", str(error))
    # Frames without their local variables: those are where secrets live.
    event.setdefault("traceback", "".join(traceback.format_exception(error)))


def _exception_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _render(_logger: Any, _method: str, event: _EventDict) -> str:
    # ASCII escapes keep one event on one line for every reader, whatever separators Unicode has.
    text = json.dumps(event, separators=(",", ":"), default=str)
    return text if len(text) <= LONGEST_LINE else _shortened(event, len(text))


def _shortened(event: _EventDict, length: int) -> str:
    """A line that Loki would refuse, without its details: they are lost rather than the line."""
    line = {**event, "context": {"too_long": length}}
    line.pop("tags", None)
    cut = {name: value[:_SHORT] if isinstance(value, str) else value for name, value in line.items()}
    return json.dumps(cut, separators=(",", ":"), default=str)
