"""Each request has its ids in its headers and in one line, and strangers can't multiply metrics."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY

from observability import context
from observability.client_ip import client_ip
from observability.logging import get_logger
from observability.middleware import _user_id

Lines = Callable[[], list[dict[str, Any]]]
pytestmark = pytest.mark.urls("tests.unit.observability.urls")
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def request_lines(lines: Lines) -> list[dict[str, Any]]:
    """The final lines of requests."""
    return [line for line in lines() if line["operation"] == "http_request" and line["level"] != "debug"]


def test_new_ids_are_made_and_told(client: Client, log_lines: Lines) -> None:
    response = client.get("/fine")
    trace_id = response["X-Trace-Id"]
    assert context.valid_trace_id(trace_id)
    assert response.content.decode() == trace_id
    parsed = context.parse_traceparent(response["traceparent"])
    assert parsed is not None
    assert parsed[0] == trace_id
    assert response["X-Request-Id"] == request_lines(log_lines)[0]["request_id"]
    assert response["X-Correlation-Id"] == request_lines(log_lines)[0]["correlation_id"]
    assert client.get("/fine")["X-Trace-Id"] != trace_id


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"},
        {"X-Trace-Id": TRACE_ID},
        {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01", "X-Trace-Id": "a" * 32},
    ],
)
def test_a_callers_trace_goes_on(client: Client, log_lines: Lines, headers: dict[str, str]) -> None:
    response = client.get("/fine", headers={**headers, "X-Correlation-Id": "migration-0042"})
    assert response["X-Trace-Id"] == TRACE_ID
    assert response["X-Correlation-Id"] == "migration-0042"
    assert "00f067aa0ba902b7" not in response["traceparent"]
    assert {line["trace_id"] for line in log_lines()} == {TRACE_ID}
    assert [line["message"] for line in log_lines() if line["operation"] == "dns_sync"] == ["inside the view"]


def test_malformed_ids_and_request_ids_are_not_believed(client: Client) -> None:
    hostile = {"X-Trace-Id": "<script>", "X-Correlation-Id": "a\tb", "traceparent": "x", "X-Request-Id": "mine"}
    response = client.get("/fine", headers=hostile)
    assert context.valid_trace_id(response["X-Trace-Id"])
    assert context.valid_correlation_id(response["X-Correlation-Id"])
    assert response["X-Request-Id"] != "mine"


def test_one_line_ends_a_request_without_its_query(client: Client, log_lines: Lines) -> None:
    client.get("/fine?token=t0ps3cret&next=/x", headers={"user-agent": "x"}, REMOTE_ADDR="192.0.2.9")
    (line,) = request_lines(log_lines)
    assert line["message"] == "GET /fine 200"
    assert (line["status"], line["context"]["http_status"]) == ("success", 200)
    assert (line["context"]["method"], line["context"]["path"]) == ("GET", "/fine")
    assert line["context"]["ip"] == "192.0.2.9"
    assert line["duration_ms"] >= 0
    assert "t0ps3cret" not in str(log_lines())


def test_a_failure_is_one_line_with_its_cause(client: Client, log_lines: Lines) -> None:
    client.raise_request_exception = False
    response = client.get("/broken?p=hunter2x")
    assert (response.status_code, bool(response["X-Trace-Id"])) == (500, True)
    (line,) = request_lines(log_lines)
    assert (line["level"], line["status"], line["error_code"]) == ("error", "failed", "RuntimeError")
    assert "in broken" in line["context"]["traceback"]
    assert "hunter2x" not in str(log_lines())
    assert len([entry for entry in log_lines() if entry["level"] == "error"]) == 1


def test_an_error_page_that_fails_too_leaves_nothing_behind(client: Client, log_lines: Lines, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.unit.observability.broken_urls"
    client.raise_request_exception = False
    before = context.current()
    response = client.get("/broken")
    assert (response.status_code, response.content) == (500, b"Internal server error\n")
    assert request_lines(log_lines)[0]["trace_id"] == response["X-Trace-Id"]
    assert request_lines(log_lines)[0]["error_message"] == "the error page is broken too"
    assert context.current() == before
    get_logger("dns_sync").info("afterwards")
    assert "ip" not in log_lines()[-1].get("context", {})


def test_not_found_is_a_warning(client: Client, log_lines: Lines) -> None:
    client.get("/nowhere")
    (line,) = request_lines(log_lines)
    assert (line["level"], line["context"]["http_status"]) == ("warning", 404)


def test_the_surrounding_ids_come_back(client: Client) -> None:
    with context.bind_trace() as trace:
        client.get("/fine")
        client.get("/stream")
        assert context.current() == trace


def test_only_a_loaded_user_is_named() -> None:
    request = HttpRequest()
    assert _user_id(request) == ""
    request._cached_user = AnonymousUser()  # type: ignore[attr-defined]
    assert _user_id(request) == ""
    request._cached_user = get_user_model()(pk=7)  # type: ignore[attr-defined]
    assert _user_id(request) == "7"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        ([], "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (["127.0.0.1"], "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (["127.0.0.0/8"], "127.0.0.1", "203.0.113.5", "203.0.113.5"),
        (["127.0.0.0/8"], "127.0.0.1", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (["127.0.0.0/8", "10.0.0.0/8"], "127.0.0.1", "6.6.6.6, 203.0.113.5, 10.1.1.1", "203.0.113.5"),
        (["127.0.0.0/8"], "127.0.0.1", "6.6.6.6, not-an-address", "127.0.0.1"),
        (["127.0.0.0/8"], "127.0.0.1", "", "127.0.0.1"),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
        (["::1/128"], "::1", "2001:db8::7", "2001:db8::7"),
        (["unix"], "", "203.0.113.5", "203.0.113.5"),
        ([], "", "203.0.113.5", ""),
    ],
)
def test_the_client_address_cannot_be_forged(
    settings: Any, proxies: list[str], peer: str, forwarded: str, expected: str
) -> None:
    settings.NPANEL_TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_ip(request) == expected


def latency_count(view: str, method: str) -> float:
    """How many latencies were observed."""
    name = "django_http_requests_latency_seconds_by_view_method_count"
    return REGISTRY.get_sample_value(name, {"view": view, "method": method}) or 0.0


def test_invented_methods_make_no_series(client: Client) -> None:
    before = latency_count("fine", "OTHER")
    for number in range(20):
        client.generic(f"EVIL{number}", "/fine")
    assert latency_count("fine", "OTHER") == before + 20
    families = [family for family in REGISTRY.collect() if family.name.startswith("django_http")]
    methods = {sample.labels["method"] for family in families for sample in family.samples if "method" in sample.labels}
    assert not [method for method in methods if method.startswith("EVIL")]


def test_an_exception_counts_its_latency_once(client: Client) -> None:
    client.raise_request_exception = False
    before = latency_count("broken", "GET")
    client.get("/broken")
    assert latency_count("broken", "GET") == before + 1


def test_histograms_have_about_eight_buckets(client: Client) -> None:
    client.get("/fine")
    for name in ("django_http_requests_body_total_bytes", "django_http_requests_latency_seconds_by_view_method"):
        (family,) = [family for family in REGISTRY.collect() if family.name == name]
        assert len({sample.labels["le"] for sample in family.samples if "le" in sample.labels}) <= 9
