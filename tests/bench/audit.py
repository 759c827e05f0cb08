"""What the audit record costs: in business transactions, to seal, and to verify; and what gets past unseen.

The cost, and the passes of sealer and scrape, are measured on MariaDB (:mod:`tests.bench.audited` says how, and what
the mix of transactions is); chain and memory on SQLite. ``audit.bypasses_undetected`` counts, on both databases, the
ways around the record that tests try (SECURITY §2) and that were neither refused nor found.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

MILLION = 1_000_000
FEW = 100_000
#: The tests that go around the record, each case of each a bypass.
BYPASSES = tuple(
    f"tests/unit/audit/test_{name}.py"
    for name in ("append_only", "tampering", "forged_manifests", "forged_looks", "accounts", "accounts_at_work")
)


def figures() -> Iterator[tuple[str, float]]:
    """``audit.*``; ``FULL=1`` verifies a million events, otherwise the figure names the number that was verified."""
    from audit.keys import ensure_audit_key
    from audit.sealing import seal_pending

    yield from _on_mariadb()
    yield from _bypasses()
    ensure_audit_key()
    yield "audit.seal_lag_s", _seal_lag()
    full = os.environ.get("FULL") == "1"
    _fill(FEW)
    began = time.perf_counter()
    sealed = seal_pending()
    yield "audit.sealed_per_s", sealed / (time.perf_counter() - began)
    peak = few = _peak()
    if full:
        _fill(MILLION - FEW)
        seal_pending()
    yield f"audit.verify_{'1m' if full else '100k'}_s", _verify()
    if full:
        peak = _peak()
        yield "audit.verify_peak_growth", peak / few
    yield "audit.verify_peak_mb", peak


def _on_mariadb() -> Iterator[tuple[str, float]]:
    """In a process of its own, because this one's Django is set up on SQLite."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.audited"], stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        name, value = json.loads(line)
        yield name, value


def _bypasses() -> Iterator[tuple[str, float]]:
    tried = undetected = 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NPANEL_")}
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *BYPASSES]
    for before in ([], [sys.executable, "-m", "tests.mariadb", "run", "--"]):
        with tempfile.TemporaryDirectory(prefix="npanel-bypasses-") as folder:
            report = Path(folder) / "report.xml"
            where = {"NPANEL_DATABASE_URL": f"sqlite:///{folder}/npanel.sqlite3", "NPANEL_VAR_DIR": folder}
            subprocess.run(
                [*before, *pytest, f"--junit-xml={report}"], env=environment | where, check=False,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
            for suite in ElementTree.parse(report).getroot():  # noqa: S314 - pytest's own file
                tried += int(suite.attrib["tests"]) - int(suite.attrib["skipped"])
                undetected += int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    yield "audit.bypasses_tried", tried
    yield "audit.bypasses_undetected", undetected


def _seal_lag() -> float:
    """From an event's commit to its seal, by a pass that looks every two seconds as the sealer does: the pass alone."""
    from accounts.services.customers import create_customer
    from audit.sealing import seal_pending
    from tests.people import operator

    for number in range(60):
        create_customer(actor=operator(), name=f"bench {number}")
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
