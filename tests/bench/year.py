"""A year of history on MariaDB, sealed day by day, in which one customer did about 2,000 things and was then deleted.

The customer's things all carry one correlation id, which no search by name looks at: by it the truth is known.
"""

import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import crowd

if TYPE_CHECKING:
    from accounts.models import Customer
    from hosting.models import HostingService
    from tests.unit.services.world import World

FULL = os.environ.get("FULL") == "1"
SCALE = 1.0 if FULL else 0.1
EVENTS, OPERATIONS, LINES_A_DAY = (int(count * SCALE) for count in (1_000_000, 200_000, 20_000))
DAYS, LOG_DAYS, SERVICES = 365, 30, 10_000
#: What the customer did each day: events, operations (each second day), and log lines.
EVENTS_A_DAY, LINES = 4, 7
NAME, CORRELATION = "Wanderlust & Söhne", "history-of-one-customer"
_EVENTS = """
INSERT INTO audit_event (uid, occurred_at, actor_type, actor_id, actor_login, actor_role, actor_interface, actor_ip,
  session_digest, impersonator_id, impersonator_login, verb, target_type, target_id, target_label, outcome, reason,
  trace_id, correlation_id, request_id, operation_id, after, node, version)
SELECT UUID(), %s + INTERVAL (seq * 86400 DIV %s) SECOND, 'user', '1',
  CONCAT('operator', seq MOD 40, '@panel.test'), 'admin', 'admin', CONCAT('198.51.', seq MOD 200, '.', seq MOD 250),
  '', '', '', ELT(1 + seq MOD 4, 'service.apply', 'domain.add', 'service.php', 'database.create'), 'service',
  1 + ((seq + %s) * 7919) MOD %s, CONCAT('anna', seq MOD 5000), ELT(1 + seq MOD 2, 'requested', 'succeeded'), '',
  MD5(seq + %s), '', '', '', JSON_OBJECT('domain', CONCAT('anna', seq, '.example'), 'limit', seq), 'node-001', '0'
FROM seq_0_to_9999999 WHERE seq < %s
"""
_NAMES = """
UPDATE hosting_operation o JOIN hosting_hostingservice s ON s.id = o.service_id
  JOIN accounts_customer c ON c.id = s.customer_id SET o.customer_name = c.name
"""
_JOURNALS = """
INSERT INTO hosting_journalentry (operation_id, seq, backward, kind, `key`, `change`, state, started_at, finished_at)
SELECT id, n.seq, 0, ELT(n.seq, 'virtual_host', 'php_pool', 'dns_record'), CONCAT(target_label, '.example'),
  JSON_OBJECT('action', 'update', 'before', JSON_OBJECT('text', REPEAT('a', 300)), 'after',
  JSON_OBJECT('text', REPEAT('b', 300))), 'done', started_at, finished_at
FROM hosting_operation CROSS JOIN (SELECT seq FROM seq_1_to_3) AS n WHERE finished_at > %s AND actor = '{}'
"""


@dataclass
class Year:
    """The customer, what they have, and what was made beside the database."""

    world: "World"
    customer: "Customer"
    services: list["HostingService"]
    now: datetime.datetime
    logged: int = 0
    traces: dict[str, list[str]] = field(default_factory=dict)


def fill(folder: Path) -> Year:
    """Everything, oldest first; the customer is deleted at the end."""
    from django.utils import timezone

    from audit import sealing

    sealing.LOOK_BACK = 10_000  # each day is sealed apart, and nothing commits late here
    crowd.make_customers(SERVICES // crowd.EACH)
    crowd.make_services(SERVICES, crowd.make_nodes())
    crowd.make_operations(OPERATIONS, SERVICES)
    year = begin(timezone.now())
    for ago in range(DAYS, -1, -1):
        day(year, ago)
    crowd._run(_NAMES)
    crowd._run(_JOURNALS, (year.now - datetime.timedelta(days=30)).replace(tzinfo=None))
    logs(year, folder)
    end(year)
    crowd._run(crowd._ANALYSE)
    crowd._run("ANALYZE TABLE hosting_journalentry, accounts_belonging, audit_seal")
    return year


def begin(now: datetime.datetime) -> Year:
    """A customer as the use cases make one: three services with zones, records and databases, a member, a webhook."""
    from accounts.services.members import add_member
    from hosting.services.customers import create_customer
    from hosting.services.webhooks import create_webhook
    from observability.context import bind_trace
    from tests.factories import make_plan
    from tests.unit.services.world import new_world

    world, plan = new_world(), make_plan(name="Year")
    with bind_trace(correlation_id=CORRELATION):
        customer = create_customer(actor=world.actor, name=NAME, email="office@wanderlust.example")
        add_member(actor=world.actor, customer=customer, email="anna@wanderlust.example", password="long enough 2026")
        create_webhook(
            actor=world.actor, customer=customer, url="https://hooks.example/told", events=["operation.finished"]
        )
        hosted = [
            world.host(
                f"wander{n}.example", customer=customer, plan=plan, username=f"wander{n}", database="shop",
                database_password="correct horse 7",
            )
            for n in range(3)
        ]  # fmt: skip
    return Year(world, customer, hosted, now)


def day(year: Year, ago: int) -> None:
    """What happened on a day, sealed at its end."""
    from audit.models import Event
    from audit.sealing import seal_pending
    from hosting.models import Operation

    start = (year.now - datetime.timedelta(days=ago)).replace(hour=0, minute=0, second=0, microsecond=0)
    count, offset = EVENTS // DAYS, ago * 10_007
    crowd._run(_EVENTS, start.replace(tzinfo=None), count, offset, SERVICES, offset, count)
    Event.objects.bulk_create(_event(year, start, ago, n) for n in range(EVENTS_A_DAY))
    if ago % 2:
        Operation.objects.bulk_create([_operation(year, start, ago)])
        Operation.objects.filter(trace_id=_trace(ago, 0)).update(created_at=start)
    moment = min(start + datetime.timedelta(hours=23), year.now)
    seal_pending(now=moment, whole=False, checkpoint_now=ago == 0)


def _event(year: Year, start: datetime.datetime, ago: int, n: int) -> Any:
    """One of the customer's events, in turn about a service, the service's uploads, the customer, their person."""
    from audit.models import Event

    service, person = year.services[ago % 3], year.customer.memberships.get().user
    kind, key, label = (
        ("service", service.pk, service.username),
        ("hosting.hostingservice", service.pk, service.username),
        ("accounts.customer", year.customer.pk, NAME),
        ("accounts.user", person.pk, person.email),
    )[n % 4]
    return Event(
        occurred_at=start + datetime.timedelta(hours=3 * n), actor_type="user", actor_id="1",
        actor_login="operator1@panel.test", verb="service.apply", target_type=kind, target_id=str(key),
        target_label=label, outcome="succeeded", trace_id=_trace(ago, n), correlation_id=CORRELATION,
        after={"domain": f"wander{ago % 3}.example"},
    )  # fmt: skip


def _operation(year: Year, start: datetime.datetime, ago: int) -> Any:
    from hosting.models import Operation

    service = year.services[ago % 3]
    ended = start + datetime.timedelta(hours=9)
    return Operation(
        kind="dns_change", state="succeeded", phase="done", node=service.node, service=service,
        target_key=f"service:{service.pk}", target_label=service.username, customer_name=NAME, trace_id=_trace(ago, 0),
        correlation_id=CORRELATION, actor={}, actor_login="operator1@panel.test", started_at=start,
        finished_at=ended,
    )  # fmt: skip


def _trace(ago: int, n: int) -> str:
    return f"{ago * 100 + n + 1:032x}"


def logs(year: Year, folder: Path) -> None:
    """Turned-over files of thirty days, and today's."""
    folder.mkdir(parents=True, exist_ok=True)
    for ago in range(LOG_DAYS, -1, -1):
        start = (year.now - datetime.timedelta(days=ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        path = folder / ("worker.log" if ago == 0 else f"worker.log.{start:%Y-%m-%d}")
        path.write_text("".join(_lines(year, start)))
        ended = (start + datetime.timedelta(hours=23)).timestamp()
        os.utime(path, (ended, ended))


def _lines(year: Year, start: datetime.datetime) -> Iterator[str]:
    own = {LINES_A_DAY * n // LINES + 5 for n in range(LINES)}
    for n in range(LINES_A_DAY):
        moment = start + datetime.timedelta(seconds=n * 82_000 // LINES_A_DAY)
        line = {
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "level": "info",
            "service": "npanel-worker", "operation": "operation_apply", "trace_id": f"{n * 7919:032x}",
            "message": "dns_change anna: succeeded", "correlation_id": f"{n:032x}", "tenant_id": str(n * 31 % 5000),
            "duration_ms": 130.5, "status": "success", "context": {"operation_id": f"{n:036x}", "round_trips": 7},
        }  # fmt: skip
        if n in own:
            line |= {"tenant_id": str(year.customer.pk), "correlation_id": CORRELATION}
            year.logged += 1
        yield json.dumps(line, separators=(",", ":")) + "\n"


def end(year: Year) -> None:
    """Delete and purge each service, then the customer, by the use cases."""
    from django.test import override_settings

    from hosting.models import HostingService
    from hosting.services.customers import delete_customer
    from observability.context import bind_trace

    with bind_trace(correlation_id=CORRELATION), override_settings(NPANEL_FINAL_ARCHIVE_DAYS=0):
        for service in HostingService.objects.filter(customer=year.customer):
            year.world.delete(service)
            year.world.purge(service)
        delete_customer(actor=year.world.actor, customer=year.customer)
