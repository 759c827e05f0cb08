"""Every line is one JSON object with the fields of OPERATIONS §3, whoever wrote it."""

import datetime
import logging
import math
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from observability import context
from observability.logging import get_logger
from observability.operations import UnknownOperation, known_operations, register_operation

Lines = Callable[[], list[dict[str, Any]]]
MANDATORY = ["timestamp", "level", "service", "operation", "trace_id", "message"]


def write_all_kinds() -> None:
    """Lines of ours, of libraries, with exceptions, with odd values."""
    get_logger("ssh_connect").info("connected", node="n1", duration_ms=12, status="success")
    get_logger().warning("no operation named")
    get_logger("health_check", service="health").debug("fine")
    logging.getLogger("some.library").error("failed for %s", "reason", extra={"attempt": 3})
    logging.getLogger("django.security.csrf").warning("Forbidden")
    logging.getLogger("paramiko").critical("transport")
    try:
        raise ValueError("password=hunter2!")
    except ValueError:
        get_logger("operation_apply").exception("apply failed")
        logging.getLogger("some.library").exception("library failed")
    odd = {"when": datetime.datetime.now(), "id": uuid.uuid4(), "nan": math.nan, "set": {1}, "obj": object(), 3: b"raw"}
    get_logger("operation_plan").info("odd\nvalues\u2028", odd=odd, surrogate="\udc80")
    get_logger("operation_plan").bind(event_count=1).info("bound", operation="invented_here")


def test_each_line_has_the_mandatory_fields(log_lines: Lines) -> None:
    write_all_kinds()
    lines = log_lines()
    assert len(lines) == 10
    for line in lines:
        assert list(line)[:6] == MANDATORY
        stamp = line["timestamp"]
        assert stamp.endswith("Z")
        assert len(stamp) == len("2026-01-01T00:00:00.000Z")
        assert datetime.datetime.fromisoformat(stamp).tzinfo is datetime.UTC
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert line["operation"] in known_operations()
        assert context.valid_trace_id(line["trace_id"])
        assert isinstance(line["message"], str)
        assert set(line) <= {*MANDATORY, "duration_ms", "status", "error_code", "error_message", "context"}


def test_services_operations_and_details_are_where_they_belong(log_lines: Lines) -> None:
    write_all_kinds()
    ours, unnamed, health, library, security, paramiko, failed, *_, invented = log_lines()
    assert (ours["service"], ours["operation"], ours["duration_ms"]) == ("npanel-test", "ssh_connect", 12)
    assert ours["context"] == {"node": "n1"}
    assert (unnamed["operation"], health["service"]) == ("python_log", "health")
    assert (library["operation"], library["message"]) == ("python_log", "failed for reason")
    assert library["context"] == {"attempt": 3, "logger": "some.library"}
    assert (security["operation"], paramiko["operation"]) == ("access_denied", "ssh_connect")
    assert (failed["error_code"], failed["error_message"]) == ("ValueError", "password=[REDACTED]")
    assert "Traceback" in failed["context"]["traceback"]
    assert "hunter2!" not in failed["context"]["traceback"]
    assert (invented["operation"], invented["context"]["unregistered_operation"]) == ("python_log", "invented_here")


def test_ids_and_bound_fields_are_on_each_line(log_lines: Lines) -> None:
    with context.bind_trace(correlation_id="migration-1", request_id="r-1") as trace, bound_contextvars(actor_id="7"):
        get_logger("dns_sync").info("inside")
        logging.getLogger("library").warning("inside too")
    get_logger("dns_sync").info("outside")
    ours, library, outside = log_lines()
    for line in (ours, library):
        assert (line["trace_id"], line["correlation_id"], line["request_id"]) == (trace.trace_id, "migration-1", "r-1")
        assert line["actor_id"] == "7"
    assert not {"correlation_id", "request_id", "actor_id"} & set(outside)


def test_secrets_do_not_reach_a_line(log_lines: Lines) -> None:
    secret = f"s3cret{uuid.uuid4().hex}"
    get_logger("database_sync").info(
        f"ran IDENTIFIED BY '{secret}'", password=secret, argv=["mysql", f"--password={secret}"], token_id="ok-to-see"
    )
    logging.getLogger("library").warning("Authorization: Bearer %s", secret)
    with bound_contextvars(api_key=secret):
        get_logger("database_sync").error("bound")
    lines = log_lines()
    assert secret not in str(lines)
    assert lines[0]["context"]["token_id"] == "ok-to-see"


def test_an_unregistered_operation_is_refused() -> None:
    with pytest.raises(UnknownOperation):
        get_logger("made_up")
    with pytest.raises(ValueError, match="lower-case"):
        register_operation("User Login 42")
    assert register_operation("registered_by_a_test") in known_operations()


def test_about_fifty_operations() -> None:
    assert 45 <= len(known_operations()) <= 80


def test_a_fresh_process_logs_to_a_file(tmp_path: Path) -> None:
    program = (
        "import sys; from observability.logging import configure, get_logger\n"
        "configure(service='npanel-worker', stream=None, file=sys.argv[1])\n"
        "import logging; logging.getLogger('lib').warning('from a library')\n"
        "get_logger('worker_start').info('started'); get_logger().debug('too low')\n"
    )
    file = tmp_path / "worker.log"
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    lines = file.read_text().splitlines()
    assert len(lines) == 2
    assert '"service":"npanel-worker","operation":"worker_start"' in lines[1]
