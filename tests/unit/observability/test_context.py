"""The ids survive threads, queues and headers, and malformed ones are replaced."""

import re
import threading

import pytest

from observability import context


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nX-Evil: 1",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "0" * 10_000,
    ],
)
def test_a_malformed_traceparent_is_not_believed(header: str) -> None:
    assert context.parse_traceparent(header) is None


def test_traceparent_goes_there_and_back() -> None:
    header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert context.parse_traceparent(header) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert context.parse_traceparent("cc" + header[2:] + "-what-the-future-adds") is not None
    with context.bind_trace(trace_id="4bf92f3577b34da6a3ce929d0e0e4736") as trace:
        assert context.parse_traceparent(context.format_traceparent()) == (trace.trace_id, trace.span_id)


def test_inner_work_inherits_and_outer_work_is_restored() -> None:
    with context.bind_trace(correlation_id="migration-1", request_id="r1") as outer:
        with context.bind_trace() as inner:
            assert (inner.trace_id, inner.correlation_id, inner.request_id) == (outer.trace_id, "migration-1", "r1")
            assert inner.span_id != outer.span_id
        assert context.current() == outer
    assert context.current() != outer


def test_there_is_always_a_trace_id() -> None:
    assert re.fullmatch("[0-9a-f]{32}", context.current().trace_id)
    assert context.current().trace_id == context.current().trace_id


def test_a_snapshot_crosses_a_thread() -> None:
    seen: list[context.Trace] = []

    def work(ids: dict[str, str]) -> None:
        with context.restore(ids) as trace:
            seen.append(trace)

    with context.bind_trace(correlation_id="migration-1") as trace:
        thread = threading.Thread(target=work, args=(context.snapshot(),))
        thread.start()
        thread.join()
    assert (seen[0].trace_id, seen[0].correlation_id) == (trace.trace_id, "migration-1")
    assert "request_id" not in context.snapshot()


def test_a_damaged_snapshot_gets_new_ids() -> None:
    with context.restore({"trace_id": "x'; DROP TABLE", "correlation_id": "a\nb"}) as trace:
        assert context.valid_trace_id(trace.trace_id)
        assert trace.correlation_id == ""
