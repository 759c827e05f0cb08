"""What an event costs a business transaction on MariaDB, as doors make them; run as a program, it prints its figures.

``audit.cost_ratio``: the use cases of :func:`_mix`, each through the policy as every door calls it (a customer made, a
service with its plan, a domain, a DNS record, a service suspended), as often each, with their events and without; the
sum of the medians. Not in it: what a door does besides (session, token, page), which would make the share smaller.
``audit.cost_ratio_smallest``: the first of them alone, one row, the worst there is. "Without" leaves out everything,
also putting the event together and redacting it. The two take turns, so that a busy machine disturbs both alike. The
server writes its log at each commit, as MariaDB does unless told otherwise.

``audit.seal_pass_ms``, ``audit.unsealed_age_ms``: what the sealer does every two seconds and a scrape every fifteen, in
an installation with so many sealed events, at first (``…_first_ms``) and once it remembers what it saw ten minutes ago.
"""

import contextlib
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

ROUNDS, WARM = 150, 15
SEALED = 1_000_000 if os.environ.get("FULL") == "1" else 100_000
_number = itertools.count(1)
_SEALS = """
INSERT INTO audit_seal (seq, event_id, event_uid, commitments, previous_hash, hash, sealed_at)
SELECT id, id, uid, '', '', '', occurred_at FROM audit_event
"""


@contextlib.contextmanager
def panel() -> Iterator[None]:
    """Django on a durable MariaDB server of its own."""
    from tests.mariadb import mariadb_server

    with mariadb_server(durable=True) as server, tempfile.TemporaryDirectory(prefix="npanel-audited-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "npanel.settings", "NPANEL_DATABASE_URL": server.url, "NPANEL_VAR_DIR": folder,
            "NPANEL_LOG_LEVEL": "ERROR",
        }  # fmt: skip
        from npanel.env import prepare_metrics_directory

        prepare_metrics_directory()
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from audit.keys import ensure_audit_key
        from hosting.sealing import ensure_worker_key

        ensure_worker_key()
        ensure_audit_key()
        yield


def figures() -> Iterator[tuple[str, float]]:
    """All of them."""
    with_audit, without = _measured()
    yield "audit.cost_ratio", sum(with_audit.values()) / sum(without.values())
    yield "audit.cost_ratio_smallest", with_audit["customer.create"] / without["customer.create"]
    for name in with_audit:
        yield f"audit.cost_ratio.{name}", with_audit[name] / without[name]
    yield "audit.transactions_per_s", len(with_audit) / sum(with_audit.values())
    yield "audit.transactions_without_per_s", len(without) / sum(without.values())
    yield from _passes()


def _mix() -> dict[str, Callable[[], Callable[[], Any]]]:
    """By use case: what prepares one, and gives the call that is timed."""
    from hosting.policies import perform
    from tests.factories import make_customer, make_domain, make_node, make_plan, make_service
    from tests.people import operator

    actor, node, plan = operator(), make_node(), make_plan(domains=10_000)

    def service() -> Any:
        return make_service(customer=make_customer(), plan=plan, node=node)

    def prepared(use: str, subject: Any, **data: Any) -> Callable[[], Any]:
        return lambda: perform(actor, use, subject, **data)

    return {
        "customer.create": lambda: prepared("customer.create", None, name=f"bench {next(_number)}"),
        "service.create": lambda: prepared(
            "service.create", make_customer(), plan=plan, domain=f"site{next(_number)}.test"
        ),
        "domain.add": lambda: prepared("domain.add", service(), name=f"more{next(_number)}.test"),
        "record.add": lambda: prepared(
            "record.add", make_domain(service(), f"zone{next(_number)}.test"), name="www", type="A", content="192.0.2.9"
        ),
        "service.suspend": lambda: prepared("service.suspend", service(), reason="unpaid"),
    }


def _measured() -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each use case with and without its events."""
    from django.db import transaction

    with_audit, without = {}, {}
    for name, prepare in _mix().items():
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * (WARM + ROUNDS)):
            audited = number % 2 == 0
            with transaction.atomic():
                call = prepare()
            with contextlib.nullcontext() if audited else _silent():
                began = time.perf_counter()
                call()
                taken = time.perf_counter() - began
            if number >= 2 * WARM:
                seconds[audited].append(taken)
        with_audit[name], without[name] = statistics.median(seconds[True]), statistics.median(seconds[False])
    return with_audit, without


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """No event is put together or written."""
    from audit import record

    before, nothing = (record.build_event, record._insert), record.Event()
    record.build_event = lambda **fields: nothing
    record._insert = lambda event, using: None
    try:
        yield
    finally:
        record.build_event, record._insert = before


def _passes() -> Iterator[tuple[str, float]]:
    from django.db import connection

    from audit import look_back, sealing, watch
    from tests.bench.crowd import make_events

    make_events(SEALED, 1_000)
    with connection.cursor() as cursor:
        cursor.execute(_SEALS)
        cursor.execute("ANALYZE TABLE audit_event, audit_seal")

    def seal() -> None:
        sealing.seal_pending(whole=False, checkpoint_now=False)

    yield "audit.seal_pass_first_ms", _median_ms(seal)
    yield "audit.unsealed_age_first_ms", _median_ms(watch.unsealed_age)
    look_back.SETTLED_S = 0.0
    yield "audit.seal_pass_ms", _median_ms(seal)
    yield "audit.unsealed_age_ms", _median_ms(watch.unsealed_age)


def _median_ms(call: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(15):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


if __name__ == "__main__":
    with panel():
        for found in figures():
            print(json.dumps(found), flush=True)
