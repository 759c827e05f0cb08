"""Checks answer up, degraded or down; commands and pages tell it; a hanging probe hangs nobody."""

import datetime
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from observability import readiness
from observability.health.base import Result, Status, health_check
from observability.health.disk import used_ratio
from observability.health.memory import judge
from observability.health.runner import UnknownCheck, run_checks
from observability.health.targets import (
    Heartbeat,
    Target,
    register_heartbeat_provider,
    register_ssh_probe,
    register_targets,
)

pytestmark = [
    pytest.mark.urls("tests.unit.observability.urls"),
    pytest.mark.usefixtures("clean_registries", "no_resolver"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def no_resolver(settings: Any) -> None:
    """Ask no name server of this machine."""
    settings.NPANEL_HEALTH_RESOLVERS = []
    settings.NPANEL_HEALTH_CACHE_SECONDS = 0


def beat(seconds_ago: float) -> None:
    """Have a worker report that long ago."""
    at = timezone.now() - datetime.timedelta(seconds=seconds_ago)
    register_heartbeat_provider(lambda: [Heartbeat("worker-1", at, {"tasks": 3})])


def gauge(check: str, node: str = "") -> float | None:
    """The value of npanel_health_status."""
    return REGISTRY.get_sample_value("npanel_health_status", {"check": check, "node": node})


def only(check: str) -> Result:
    """The result of a check that has one target."""
    (report,) = run_checks([check]).reports
    return report.result


def run_command(*arguments: str) -> int:
    """The exit status of ``manage.py health``."""
    try:
        call_command("health", *arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@health_check("test_ok")
def ok() -> Result:
    """Always well."""
    return Result.up("well", figure=1)


def register(name: str, result: Result, **options: Any) -> None:
    """Register a check that always answers ``result``."""
    health_check(name, **options)(lambda: result)


# --- the five checks, and the queue ---------------------------------------------------------------------------


def test_the_database_answers() -> None:
    assert only("database").status is Status.UP
    assert gauge("database") == 1


def test_a_dead_database_is_down(settings: Any) -> None:
    from django.db import connection

    real = connection.settings_dict.copy()
    connection.settings_dict.update(NAME="/nonexistent/database", HOST="", OPTIONS={})
    if connection.vendor == "mysql":
        connection.settings_dict["OPTIONS"] = {"unix_socket": "/nonexistent.sock"}
    try:
        result = only("database")
        assert result.status is Status.DOWN
        assert result.advice
    finally:
        connection.settings_dict.update(real)


def test_the_disk_is_judged_by_its_fullest_file_system(settings: Any) -> None:
    settings.NPANEL_HEALTH_DISK_PATHS = ["/", "/dev/shm", "/proc"]
    result = only("disk")
    expected = max(used_ratio(path) for path in settings.NPANEL_HEALTH_DISK_PATHS)
    assert REGISTRY.get_sample_value("npanel_disk_used_ratio") == pytest.approx(expected, abs=0.05)
    assert set(result.details["used_ratio"]) == {"/", "/dev/shm", "/proc"}


@pytest.mark.parametrize(
    ("ratio", "status"), [(0.79, "up"), (0.80, "degraded"), (0.89, "degraded"), (0.90, "down"), (1.0, "down")]
)
def test_the_limits_of_disk(ratio: float, status: str) -> None:
    from observability.health import disk

    limits = {"degraded": disk.DEGRADED_RATIO, "down": disk.DOWN_RATIO}
    result = Result.by_ratio(ratio, "/ is", advice="clean up", **limits)
    assert result.status == status
    assert bool(result.advice) == (status != "up")


@pytest.mark.parametrize(
    ("available", "status"), [(210, "up"), (200, "degraded"), (160, "degraded"), (149, "down"), (1, "down")]
)
def test_the_limits_of_memory(available: int, status: str) -> None:
    assert judge(1000, available).status == status
    assert REGISTRY.get_sample_value("npanel_memory_used_ratio") == pytest.approx(1 - available / 1000)


def test_memory_is_measured() -> None:
    details = only("memory").details
    assert 0 < details["available_bytes"] <= details["total_bytes"]


def tcp_probe(target: Target, timeout: float) -> None:
    """A probe that connects, as the real one begins."""
    socket.create_connection((target.address, target.port), timeout).close()


def ssh_failures(error_type: str) -> float:
    return REGISTRY.get_sample_value("npanel_ssh_failures_total", {"error_type": error_type}) or 0.0


def test_each_node_is_tried_over_ssh() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as closed:
        there, gone = listening.getsockname()[1], closed.getsockname()[1]
        closed.close()
        register_targets("node", lambda: [Target("n1", "127.0.0.1", there), Target("n2", "127.0.0.1", gone)])
        register_ssh_probe(tcp_probe)
        before = ssh_failures("refused")
        first, second = run_checks(["ssh"]).reports
        assert (first.node, first.result.status) == ("n1", "up")
        assert (second.node, second.result.status) == ("n2", "down")
        assert second.result.details["error_type"] == "refused"
        assert ssh_failures("refused") == before + 1
        assert (gauge("ssh", "n1"), gauge("ssh", "n2")) == (1, 0)
        assert [report.node for report in run_checks(node="n1").reports] == ["n1"]


def test_a_changed_host_key_has_its_own_label_and_advice() -> None:
    class HostKeyChanged(Exception):
        error_type = "host_key_changed"

    def probe(target: Target, timeout: float) -> None:
        raise HostKeyChanged("SHA256:abc instead of SHA256:def")

    register_targets("node", lambda: [Target("n1", "127.0.0.1", 1)])
    register_ssh_probe(probe)
    before = ssh_failures("host_key_changed")
    result = only("ssh")
    assert (result.status, ssh_failures("host_key_changed")) == ("down", before + 1)
    assert "Do not connect" in result.advice


class NameServer(threading.Thread):
    """A name server on loopback that answers as it is told."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.rcode, self.flags, self.records = dns.rcode.NOERROR, dns.flags.AA, True

    def run(self) -> None:
        while True:
            try:
                wire, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            answer = dns.message.make_response(dns.message.from_wire(wire))
            answer.set_rcode(self.rcode)
            answer.flags |= self.flags
            if self.records:
                soa = "ns.example.test. hostmaster.example.test. 1 3600 600 86400 60"
                answer.answer.append(dns.rrset.from_text("example.test.", 60, "IN", "SOA", soa))
            self.socket.sendto(answer.to_wire(), peer)


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    """A running name server, registered as ours for example.test."""
    server = NameServer()
    server.start()
    register_targets("dns", lambda: [Target("n1", "127.0.0.1", server.port, {"zone": "example.test"})])
    yield server
    server.socket.close()


def test_our_name_server_answers_for_its_zone(name_server: NameServer, settings: Any) -> None:
    assert only("dns").status is Status.UP
    name_server.flags = dns.flags.Flag(0)
    assert "not authoritative" in only("dns").summary
    name_server.flags, name_server.rcode, name_server.records = dns.flags.AA, dns.rcode.REFUSED, False
    before = REGISTRY.get_sample_value("npanel_dns_failures_total") or 0.0
    assert only("dns").status is Status.DOWN
    assert REGISTRY.get_sample_value("npanel_dns_failures_total") == before + 1


def test_a_resolver_needs_only_answer(name_server: NameServer, settings: Any) -> None:
    settings.NPANEL_HEALTH_RESOLVERS = [f"127.0.0.1#{name_server.port}"]
    name_server.flags, name_server.records = dns.flags.Flag(0), False
    reports = {report.node: report.result for report in run_checks(["dns"]).reports}
    assert reports["resolver-1"].status is Status.UP
    name_server.rcode = dns.rcode.SERVFAIL
    reports = {report.node: report.result for report in run_checks(["dns"]).reports}
    assert reports["resolver-1"].status is Status.DOWN


@pytest.mark.parametrize(("age", "status"), [(1, "up"), (40, "degraded"), (100, "down")])
def test_the_queue_lives_by_its_heartbeat(age: float, status: str) -> None:
    beat(age)
    assert only("queue").status == status


def test_a_queue_without_a_worker_is_down() -> None:
    assert only("queue").status is Status.DOWN


def test_a_sign_of_life_of_a_time_to_come_is_none() -> None:
    """A worker died, and the clock was put back: it must not count as alive until that time has come."""
    beat(-86_400)
    assert only("queue").status is Status.DOWN
    beat(100)
    assert "100 s ago" in only("queue").summary


def test_the_youngest_worker_counts() -> None:
    beat(1000)
    beat(1)
    assert only("queue").status is Status.UP


# --- the framework --------------------------------------------------------------------------------------------


def test_a_hanging_probe_is_down_after_its_time_and_is_not_started_twice() -> None:
    started: list[int] = []
    release = threading.Event()

    @health_check("test_hangs", timeout=0.2)
    def hangs() -> Result:
        started.append(1)
        release.wait(60)
        return Result.up("at last")

    try:
        assert "no answer within 0.2 s" in only("test_hangs").summary
        assert "still hangs" in only("test_hangs").summary
        assert len(started) == 1
    finally:
        release.set()


def test_a_slow_answer_is_degraded() -> None:
    register("test_slow", Result.up("well"), slow=0.0)
    assert only("test_slow").status is Status.DEGRADED


def test_a_probe_that_raises_is_down_and_tells_no_secret() -> None:
    @health_check("test_raises")
    def raises() -> Result:
        raise RuntimeError("no route with password=hunter2!")

    report = run_checks(["test_raises"]).as_dict()
    assert report["status"] == "down"
    assert "hunter2!" not in json.dumps(report)


def test_a_provider_that_fails_makes_its_check_down() -> None:
    def broken() -> list[Target]:
        raise RuntimeError("no database")

    register_targets("node", broken)
    assert only("ssh").status is Status.DOWN


def test_two_checks_of_one_name_are_refused() -> None:
    def other() -> Result:
        return Result.up("x")

    other.__module__ = "somewhere.else"
    with pytest.raises(ValueError, match="Two health checks"):
        health_check("disk")(other)


def test_each_check_logs_one_line(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    register("test_bad", Result.down("broken", advice="repair it"))
    run_checks(["test_ok", "test_bad"])
    lines = {line["context"]["check"]: line for line in log_lines() if line["operation"] == "health_check"}
    assert (lines["test_ok"]["level"], lines["test_bad"]["level"]) == ("debug", "error")
    assert lines["test_bad"]["service"] == "health"
    assert lines["test_bad"]["duration_ms"] >= 0
    assert lines["test_ok"]["trace_id"] == lines["test_bad"]["trace_id"]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownCheck):
        run_checks(["nope"])
    with pytest.raises(UnknownCheck):
        run_checks(node="nope")


# --- doors ----------------------------------------------------------------------------------------------------


def test_exit_codes() -> None:
    register("test_meh", Result.degraded("meh", advice="look"))
    register("test_bad", Result.down("bad", advice="repair"))
    assert run_command("test_ok") == 0
    assert run_command("test_ok", "test_meh") == 1
    assert run_command("test_ok", "test_meh", "test_bad") == 2
    with pytest.raises(CommandError) as refused:
        run_command("nope")
    assert refused.value.returncode == 2


def test_what_people_and_programs_read(capsys: Any) -> None:
    register("test_meh", Result.degraded("rather slow", advice="look at it", figure=3))
    run_command("test_ok", "test_meh")
    text = capsys.readouterr().out
    assert "degraded" in text
    assert "-> look at it" in text
    assert text.strip().endswith("overall: degraded")
    run_command("test_ok", "test_meh", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "degraded"
    assert {entry["check"]: entry["details"] for entry in answer["checks"]} == {
        "test_meh": {"figure": 3},
        "test_ok": {"figure": 1},
    }


def test_healthz_touches_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz", REMOTE_ADDR="192.0.2.1")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "sessionid" not in response.cookies
    assert client.post("/healthz").status_code == 405


def test_readyz_gives_its_reasons(client: Client, settings: Any) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["reasons"] == ["queue: no worker has reported"]
    beat(1)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": []})
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["cache: does not keep a value"])


def test_readyz_sees_missing_migrations(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    beat(1)
    monkeypatch.setattr(readiness, "_migrations_seen_applied", False)
    recorder = MigrationRecorder(connection)
    ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("audit")
    recorder.record_unapplied(app, newest)
    try:
        assert client.get("/readyz").json()["reasons"] == ["migrations: not applied"]
    finally:
        recorder.record_applied(app, newest)
    assert client.get("/readyz").json()["ready"] is True


def test_health_tells_all_signals(client: Client) -> None:
    beat(1)
    answer = client.get("/health").json()
    assert {"database", "disk", "memory", "queue"} <= {entry["check"] for entry in answer["checks"]}
    register("test_bad", Result.down("bad", advice="repair"))
    assert client.get("/health").status_code == 503


def test_health_is_cached(client: Client, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "health"}}
    settings.NPANEL_HEALTH_CACHE_SECONDS = 60
    calls: list[int] = []

    @health_check("test_counts")
    def counts() -> Result:
        calls.append(1)
        return Result.up("well")

    assert client.get("/health").json()["status"] == client.get("/health").json()["status"]
    assert len(calls) == 1


def test_staff_may_read_health_from_anywhere(client: Client) -> None:
    model = get_user_model()
    fields = {name: f"{name}@example.test" for name in {model.USERNAME_FIELD, *model.REQUIRED_FIELDS}}
    client.force_login(model.objects.create_superuser(password="a long enough passphrase", **fields))
    assert client.get("/health", REMOTE_ADDR="192.0.2.1").status_code in (200, 503)
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
