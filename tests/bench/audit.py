"""What the audit record costs: in the business transaction, to seal, and to verify; and what gets past unseen."""

import contextlib
import os
import statistics
import time
import tracemalloc
import uuid
from collections.abc import Iterator

MILLION = 1_000_000
FEW = 100_000
TRANSACTIONS, ROUNDS = 60, 9


def figures() -> Iterator[tuple[str, float]]:
    """``audit.*``; ``FULL=1`` verifies a million events, otherwise the figure names the number that was verified."""
    from audit.keys import ensure_audit_key
    from audit.sealing import seal_pending

    ensure_audit_key()
    without, with_audit = _rounds()
    yield "audit.cost_ratio", statistics.median(a / b for a, b in zip(with_audit, without, strict=True))
    yield "audit.events_per_s", TRANSACTIONS / statistics.median(with_audit)
    yield "audit.seal_lag_s", _seal_lag()
    full = os.environ.get("FULL") == "1"
    count = MILLION if full else FEW
    _fill(count)
    began = time.perf_counter()
    sealed = seal_pending()
    yield "audit.sealed_per_s", sealed / (time.perf_counter() - began)
    yield f"audit.verify_{'1m' if full else '100k'}_s", _verify()
    yield "audit.verify_peak_mb", _peak()


def _rounds() -> tuple[list[float], list[float]]:
    """The same business transaction, a customer made by its service, with and without its event, in turn."""
    without, with_audit = [], []
    _customers(audited=True)
    for _ in range(ROUNDS):
        without.append(_customers(audited=False))
        with_audit.append(_customers(audited=True))
    return without, with_audit


def _customers(*, audited: bool) -> float:
    from unittest import mock

    from django.db import transaction

    from accounts.services.customers import create_customer
    from tests.people import operator

    actor = operator()
    silent = mock.patch("audit.record._insert", lambda event, using: None)
    names = [f"bench {uuid.uuid4().hex}" for _ in range(TRANSACTIONS)]
    with contextlib.nullcontext() if audited else silent:
        began = time.perf_counter()
        for name in names:
            with transaction.atomic():
                create_customer(actor=actor, name=name)
        return time.perf_counter() - began


def _seal_lag() -> float:
    """From an event's commit to its seal, by a pass that looks every two seconds as the sealer does: the pass alone."""
    from audit.sealing import seal_pending

    _customers(audited=True)
    began = time.perf_counter()
    seal_pending(whole=False)
    return time.perf_counter() - began


def _fill(count: int) -> None:
    from audit.models import Event

    for _ in range(0, count, 2_000):
        Event.objects.bulk_create(
            Event(actor_type="user", actor_id=str(n % 500), actor_login=f"p{n % 500}@x.test", verb="customer.change",
                  target_type="accounts.customer", target_id=str(n % 900), target_label=f"Customer {n % 900}",
                  outcome="succeeded", after={"n": n, "name": "x" * 80}, trace_id=f"{n:032x}")
            for n in range(2_000)
        )  # fmt: skip


def _verify() -> float:
    from audit.verifying import verify

    began = time.perf_counter()
    verdict = verify()
    assert verdict.bad is None, verdict.bad
    return time.perf_counter() - began


def _peak() -> float:
    """Python's own peak, in a pass of its own (tracing slows it)."""
    from audit.verifying import verify

    tracemalloc.start()
    verify()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1_000_000
