"""Gives each request its ids and its one log line, and counts it with labels that a stranger can't multiply."""

import sys
import time
from typing import Any, cast

import structlog
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django_prometheus import middleware as prometheus
from django_structlog import middlewares as django_structlog_middlewares
from prometheus_client import Histogram

from observability import context, exemplars, tracing
from observability.client_ip import client_ip
from observability.logging import get_logger
from observability.operations import HTTP_REQUEST
from observability.redaction import REDACTED, redact_text

_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"})
#: Names of URL parameters whose values open something for whoever has them.
_SECRET_PARAMETERS = frozenset({"token", "key"})
#: Characters of a path that a line keeps.
_LONGEST_PATH = 300
_BODY_BUCKETS = (0, 256, 1_024, 8_192, 65_536, 524_288, 4_194_304, 67_108_864, float("inf"))


def trace_of_request(request: HttpRequest) -> context.Trace:
    """The trace a request belongs to: the caller's where its headers are well formed, else a new one.

    ``traceparent`` wins over ``X-Trace-Id``; the request id is always ours.
    """
    parsed = context.parse_traceparent(request.headers.get("traceparent", ""))
    plain = request.headers.get("X-Trace-Id", "")
    correlation_id = request.headers.get("X-Correlation-Id", "")
    return context.Trace(
        trace_id=parsed[0] if parsed else plain if context.valid_trace_id(plain) else context.new_trace_id(),
        span_id=context.new_span_id(),
        correlation_id=correlation_id if _may_be_kept(correlation_id) else context.new_correlation_id(),
        request_id=context.new_request_id(),
    )


def _may_be_kept(correlation_id: str) -> bool:
    """Whether a caller's id has the form of one and not that of a token sent by mistake: it will stand everywhere."""
    return context.valid_correlation_id(correlation_id) and redact_text(correlation_id) == correlation_id


class RequestMiddleware(django_structlog_middlewares.RequestMiddleware):
    """django-structlog's request middleware without its traps.

    Kept are its hook for unhandled exceptions and its levels by status. Replaced are: ``format_request``, which
    wrote the query string with its reset tokens; ``bind_ip``, which trusted ipware; ``bind_user_id``, which read
    the session even where the view had not; the request ids, which are ours and leave by response headers; and
    the life cycle, which left the thread's context behind when an error page failed in its turn.
    One ``http_request`` line ends each request; the start is at DEBUG.
    """

    async_capable = False

    def __call__(self, request: Any) -> Any:
        previous, fields = self.prepare(request), structlog.contextvars.get_contextvars()
        try:
            structlog.contextvars.bind_contextvars(ip=request.client_ip)
            get_logger(HTTP_REQUEST).debug("request started", method=_method(request), path=logged_path(request))
            response = self._traced_answer(request)
            self._add_headers(response)
            self._log_finished(request, response)
            return response
        finally:
            structlog.contextvars.clear_contextvars()
            structlog.contextvars.bind_contextvars(**fields)
            context.activate(previous)

    def prepare(self, request: Any) -> context.Trace | None:  # type: ignore[override]
        """Put the ids on the request and make them current; returns the trace they replace."""
        trace = trace_of_request(request)
        request.trace_id, request.correlation_id = trace.trace_id, trace.correlation_id
        request.request_id = trace.request_id
        request.client_ip = client_ip(request)
        request.npanel_started = time.perf_counter()
        return context.activate(trace)

    def _traced_answer(self, request: Any) -> HttpResponse:
        """The answer, as a span below the caller's where its ``traceparent`` is well formed."""
        parsed = context.parse_traceparent(request.headers.get("traceparent", ""))
        with tracing.own_span(f"request {_method(request)}", "server", parsed[1] if parsed else "") as facts:
            response = self._answer(request)
            match = request.resolver_match
            facts["http.request.method"] = _method(request)
            facts["http.response.status_code"] = response.status_code
            facts["http.route"] = match.route if match is not None else ""
            facts["error"] = str(response.status_code) if response.status_code >= 500 else ""
        return response

    def _answer(self, request: Any) -> HttpResponse:
        try:
            return cast(HttpResponse, self.get_response(request))
        except Exception:  # noqa: BLE001 - an error page that fails too; the final line tells why
            got_request_exception.send(sender=self.__class__, request=request)
            return HttpResponseServerError("Internal server error\n", content_type="text/plain")

    def process_got_request_exception(self, sender: type[Any], request: Any, **kwargs: Any) -> None:
        """Keep an unhandled exception for the final line (Django turns it into a response before we see it)."""
        request.npanel_error = sys.exc_info()[1]

    @staticmethod
    def _add_headers(response: HttpResponse) -> None:
        trace = context.current()
        response["X-Trace-Id"] = trace.trace_id
        response["X-Correlation-Id"] = trace.correlation_id
        response["X-Request-Id"] = trace.request_id
        response["traceparent"] = context.format_traceparent(trace)

    def _log_finished(self, request: Any, response: HttpResponse) -> None:
        path = logged_path(request)
        level = self._log_level_for_status_code(response.status_code)
        get_logger(HTTP_REQUEST).log(
            level,
            f"{_method(request)} {path} {response.status_code}",
            method=_method(request),
            path=path,
            http_status=response.status_code,
            status="failed" if response.status_code >= 500 else "success",
            duration_ms=round((time.perf_counter() - request.npanel_started) * 1000, 1),
            user_id=_user_id(request),
            exc_info=request.__dict__.pop("npanel_error", None),
        )


def logged_path(request: HttpRequest) -> str:
    """The path as logs may have it: without the values of a route's parameters that are a secret's by their name.

    Before there is a route, signed values are still told by their shape (observability.redaction).
    """
    match = request.resolver_match
    path = request.path
    for name, value in (match.kwargs if match is not None else {}).items():
        if value and name in _SECRET_PARAMETERS:
            path = path.replace(str(value), REDACTED)
    return path if len(path) <= _LONGEST_PATH else f"{redact_text(path)[:_LONGEST_PATH]}…"


def _method(request: HttpRequest) -> str:
    return request.method if request.method in _KNOWN_METHODS else "OTHER"


def _user_id(request: Any) -> str:
    """The id of the user, only where the view has loaded it already: logging must not query the session."""
    user = getattr(request, "_cached_user", None)
    return str(user.pk) if user is not None and user.pk is not None else ""


class BoundedMetrics(prometheus.Metrics):
    """django-prometheus' metrics with few buckets for body sizes (its own have 31 each)."""

    def register_metric(
        self, metric_cls: Any, name: str, documentation: str, labelnames: Any = (), **kwargs: Any
    ) -> Any:
        if metric_cls is Histogram and "bytes" in name:
            kwargs["buckets"] = _BODY_BUCKETS
        return super().register_metric(metric_cls, name, documentation, labelnames=labelnames, **kwargs)


class _Traced:
    """A latency histogram whose observations carry the request's trace id."""

    def __init__(self, metric: Histogram, labels: dict[str, str]) -> None:
        self._metric, self._labels = metric, labels

    def observe(self, seconds: float) -> None:
        exemplars.observe(self._metric, seconds, **self._labels)


class PrometheusBeforeMiddleware(prometheus.PrometheusBeforeMiddleware):
    """Counts each request before all other middleware."""

    metrics_cls = BoundedMetrics


class PrometheusAfterMiddleware(prometheus.PrometheusAfterMiddleware):
    """Counts each request by view, status and method.

    django-prometheus takes any invented method as the ``method`` label of its latency histogram, so a stranger
    could create series without end; and its ``process_exception`` observes the latency that
    ``process_response`` observes again. Both are closed here.
    """

    metrics_cls = BoundedMetrics

    def _method(self, request: HttpRequest) -> str:
        return _method(request)

    def label_metric(self, metric: Any, request: Any, response: Any = None, **labels: Any) -> Any:
        if labels.get("method") not in _KNOWN_METHODS and "method" in labels:
            labels["method"] = "OTHER"
        if metric is self.metrics.requests_latency_by_view_method:
            return _Traced(metric, labels)
        return super().label_metric(metric, request, response=response, **labels)

    def process_exception(self, request: Any, exception: BaseException) -> None:
        self.metrics.exceptions_by_type.labels(type=type(exception).__name__).inc()
        match = getattr(request, "resolver_match", None)
        if match is not None:
            self.metrics.exceptions_by_view.labels(view=match.view_name or "<unnamed view>").inc()
