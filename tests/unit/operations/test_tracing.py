"""From the request to the command on the node: one tree of spans under the trace id of the log lines, or nothing."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.test import RequestFactory
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hosting.models import Operation
from observability import tracing
from observability.middleware import RequestMiddleware
from tests.unit.observability.conftest import log_lines  # noqa: F401
from tests.unit.operations.conftest import ToyWorld

pytestmark = pytest.mark.django_db
CALLER = f"00-{'ab' * 16}-{'cd' * 8}-01"


class Collector:
    """An OTLP receiver on loopback."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self) -> list[Any]:
        """All that came in so far."""
        tracing.flush()
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [scope for r in requests for resource in r.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sender that belongs to the test."""
    monkeypatch.setattr(tracing, "_sender", None)
    monkeypatch.setattr(tracing, "_refused", False)
    yield
    if tracing._sender is not None:
        tracing._sender[1].shutdown()


@pytest.fixture
def collector(settings: Any, sending: None) -> Iterator[Collector]:
    """A collector that the panel sends its spans to."""
    found = Collector()
    settings.NPANEL_OTLP_ENDPOINT = found.url
    yield found
    found.server.shutdown()
    found.server.server_close()


def whole_road(world: ToyWorld, **headers: str) -> Operation:
    """A request asks for an operation; a worker carries it out."""
    asked: list[Operation] = []

    def view(request: Any) -> Any:
        from django.http import HttpResponse

        world.want("alice", hello="one")
        asked.append(world.ask("alice", reason="password=hunter2hunter2"))
        return HttpResponse("ok")

    RequestMiddleware(view)(RequestFactory().post("/admin/x/?token=hunter2hunter2", headers=headers))
    return world.run(asked[0])


def test_one_road_is_one_tree(world: ToyWorld, collector: Collector, log_lines: Any) -> None:  # noqa: F811
    operation = whole_road(world, traceparent=CALLER)
    spans = collector.spans()
    by_id = {span.span_id: span for span in spans}
    assert {span.trace_id.hex() for span in spans} == {"ab" * 16} == {operation.trace_id}
    assert {line["trace_id"] for line in log_lines() if line["operation"] == "http_request"} == {"ab" * 16}
    outside = [span for span in spans if span.parent_span_id not in by_id]
    assert [(span.name, span.parent_span_id.hex()) for span in outside] == [("request POST", "cd" * 8)]
    commands = [span for span in spans if span.name.startswith(("run ", "node "))]
    assert commands
    assert path(commands[-1], by_id)[-4:] == [
        "operation service_apply", "task hosting.tasks.execute", "request service_apply", "request POST",
    ]  # fmt: skip
    assert {"apply notes", "observe notes", "activate notes"} <= {span.name for span in spans}


def path(span: Any, by_id: dict[bytes, Any]) -> list[str]:
    """The names from a span up to the root."""
    names = []
    while span is not None:
        names.append(span.name)
        span = by_id.get(span.parent_span_id)
    return names


def test_no_secret_leaves(world: ToyWorld, collector: Collector) -> None:
    whole_road(world)
    with tracing.span("x", password="hunter2hunter2", note="mysql://a:hunter2hunter2@db/x"):
        pass
    assert collector.spans()
    assert b"hunter2hunter2" not in b"".join(collector.bodies)


def test_a_failure_is_told_by_its_kind_alone(collector: Collector) -> None:
    with pytest.raises(RuntimeError), tracing.span("breaks"):
        raise RuntimeError("the password is hunter2")
    (span,) = collector.spans()
    assert (span.status.code, span.status.message) == (2, "RuntimeError")


def test_a_dead_collector_breaks_nothing(world: ToyWorld, settings: Any, sending: None) -> None:
    settings.NPANEL_OTLP_ENDPOINT = "http://127.0.0.1:9"
    assert whole_road(world).state == "succeeded"
    tracing.flush()


def test_off_imports_nothing() -> None:
    program = (
        "import sys, django; django.setup()\n"
        "from observability import tracing\n"
        "with tracing.span('x'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert out.stdout.strip().splitlines()[-1] == "[]"
