"""A large installation, straight into the tables: 100,000 services with customers, domains and databases, and what
happened to them. Rows as the panel would make them, but nothing of it is on a node.

For benchmarks on the tests' own MariaDB: ``with installation(): fill(); …`` (Django must not be set up before).
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Model

    from hosting.models import Node

SERVICES = 100_000
#: Services that a customer has on average.
EACH = 2
NODES = 50
_BATCH = 5_000
_WORDS = ("anna", "bert", "cafe", "dora", "emil", "hafen", "kino", "licht", "musik", "nord", "radio", "studio", "wald")
_STATES = ("active",) * 17 + ("suspended", "suspended", "terminated")
#: MariaDB multiplies these itself; of 50 operations one failed and one was rolled back. At most ten million.
_OPERATIONS = """
INSERT INTO hosting_operation (id, kind, state, phase, node_id, service_id, target_key, target_label, actor,
  actor_login, reason, trace_id, correlation_id, request_id, needs_approval, expected_digest, plan_digest, attempts,
  lease_owner, fence, result, commands, round_trips, created_at, started_at, finished_at)
SELECT UUID(), ELT(1 + seq MOD 3, 'service_apply', 'dns_change', 'database_add'),
  COALESCE(ELT(1 + seq MOD 50, 'failed', 'rolled_back'), 'succeeded'), 'done', s.node_id, s.id,
  CONCAT('service:', s.id), s.username, '{}', CONCAT('operator', seq MOD 40, '@panel.test'), '', MD5(seq), '', '', 0,
  '', '', 1, '', 1, '{}', '[]', 7, at, at, at + INTERVAL (200 + seq MOD 1900) * 1000 MICROSECOND
FROM (
  SELECT seq, 1 + (seq * 7919) MOD %s AS sid, %s - INTERVAL (seq * 397 MOD 34560000) SECOND AS at
  FROM seq_1_to_10000000 WHERE seq <= %s
) AS numbers JOIN hosting_hostingservice s ON s.id = sid
"""
_EVENTS = """
INSERT INTO audit_event (uid, occurred_at, actor_type, actor_id, actor_login, actor_role, actor_interface, actor_ip,
  session_digest, impersonator_id, impersonator_login, verb, target_type, target_id, target_label, outcome, reason,
  trace_id, correlation_id, request_id, operation_id, node, version)
SELECT UUID(), %s - INTERVAL (34560000 - seq * 397 MOD 34560000) SECOND, 'user', '1',
  CONCAT('operator', seq MOD 40, '@panel.test'), 'admin', 'admin', CONCAT('198.51.', seq MOD 200, '.', seq MOD 250),
  '', '', '', ELT(1 + seq MOD 4, 'service.apply', 'domain.add', 'user.sign_in', 'user.sign_in_failed'), 'service',
  1 + (seq * 7919) MOD %s, CONCAT('anna', seq MOD 5000), ELT(1 + seq MOD 3, 'requested', 'succeeded', 'denied'), '',
  MD5(seq), '', '', '', 'node-001', '0'
FROM seq_1_to_10000000 WHERE seq <= %s
"""
_SPREAD = """
UPDATE hosting_hostingservice SET created_at = created_at - INTERVAL (id * 397 MOD 34560000) SECOND
"""
_ANALYSE = "ANALYZE TABLE hosting_operation, audit_event, hosting_hostingservice, hosting_domain"


@contextlib.contextmanager
def installation() -> Iterator[None]:
    """Django set up on a MariaDB server and a folder that go away afterwards."""
    from tests.mariadb import mariadb_server

    with mariadb_server() as server, tempfile.TemporaryDirectory(prefix="npanel-crowd-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "npanel.settings",
            "NPANEL_DATABASE_URL": server.url,
            "NPANEL_VAR_DIR": folder,
            "NPANEL_LOG_LEVEL": "ERROR",
            "NPANEL_INTERFACE": os.environ.get("NPANEL_INTERFACE") or "admin",
        }
        from npanel.env import prepare_metrics_directory

        prepare_metrics_directory()
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from hosting.sealing import ensure_worker_key

        ensure_worker_key()
        yield


def fill(services: int = SERVICES, operations: int = 200_000, events: int = 200_000) -> None:
    """Make everything, in an order in which each finds what it belongs to."""
    nodes = make_nodes()
    make_customers(max(1, services // EACH))
    make_services(services, nodes)
    make_domains(services)
    make_databases(services)
    make_operations(operations, services)
    make_events(events, services)
    _run(_ANALYSE)


def word(number: int) -> str:
    """A name that no other number has: ``anna0``, ``bert1``, …"""
    return f"{_WORDS[number % len(_WORDS)]}{number}"


def make_nodes(count: int = NODES) -> list["Node"]:
    """Ready nodes, seen just now."""
    from django.utils import timezone

    from tests.factories import make_node

    now = timezone.now()
    return [make_node(name=f"node-{n:03}", address=f"192.0.2.{n + 1}", last_seen_at=now) for n in range(count)]


def make_customers(count: int) -> None:
    """Customers 1 to count."""
    from accounts.models import Customer

    _insert(
        Customer, (Customer(id=n + 1, name=f"{word(n)} Ltd", email=f"office@{word(n)}.example") for n in range(count))
    )


def make_services(count: int, nodes: list["Node"]) -> None:
    """Services 1 to count, a few of them suspended, terminated or out of sync."""
    from hosting.models import HostingService
    from tests.factories import make_plan

    plan, last = make_plan(name="Crowd"), max(1, count // EACH)

    def row(n: int) -> HostingService:
        state = _STATES[n % len(_STATES)]
        return HostingService(
            id=n + 1, customer_id=n % last + 1, plan=plan, node=nodes[n % len(nodes)], username=word(n),
            username_key=None if state == "terminated" else word(n), php_version="8.2", state=state,
            out_of_sync=n % 500 == 0,
        )  # fmt: skip

    _insert(HostingService, (row(n) for n in range(count)))
    _run(_SPREAD)


def make_domains(count: int) -> None:
    """A main domain for each service, with two records."""
    from hosting.models import DnsRecord, Domain

    def row(n: int) -> Domain:
        name, reverse = f"{word(n)}.example", f"example.{word(n)}."
        return Domain(id=n + 1, service_id=n + 1, name=name, name_key=name, reversed_key=reverse, is_primary=True)

    _insert(Domain, (row(n) for n in range(count)))
    _insert(
        DnsRecord,
        (
            DnsRecord(domain_id=n + 1, name=name, type="A", content="192.0.2.1")
            for n in range(count) for name in ("@", "www")
        ),
    )  # fmt: skip


def make_databases(count: int) -> None:
    """A database and an account for each service."""
    from hosting.models import Database, DatabaseUser

    _insert(Database, (Database(service_id=n + 1, name=f"{word(n)}_main") for n in range(count)))
    _insert(
        DatabaseUser,
        (DatabaseUser(service_id=n + 1, name=f"{word(n)}_main", password_hash="*" + "A" * 40) for n in range(count)),
    )


def make_operations(count: int, services: int) -> None:
    """Ended operations of the last 400 days, a few of them failed."""
    _run(_OPERATIONS, services, _now(), count)


def make_events(count: int, services: int) -> None:
    """Audit events of the last 400 days."""
    _run(_EVENTS, _now(), services, count)


def _insert(model: type["Model"], rows: Iterable[Any]) -> None:
    left = iter(rows)
    while some := list(islice(left, _BATCH)):
        model._default_manager.bulk_create(some)


def _now() -> Any:
    from django.utils import timezone

    return timezone.now().replace(tzinfo=None)


def _run(statement: str, *values: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
