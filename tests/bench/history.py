"""Acceptance of "by name": a customer with a year of history is deleted, and everything about them is looked for.

On MariaDB, in a process of its own. A tenth of the year's size unless ``FULL=1``: then 1,000,000 audit events, 200,000
operations (those of the last 30 days with journals) and 600,000 log lines of 30 days, of which retention leaves 14 hot.
``history.hot_s`` is one ``log_search --name`` over what is hot, all events and operations with it. Then retention
archives those too, and ``history.archive_s`` is the same command over the archives, in a process whose memory is
measured. ``*_missed`` counts what was not found; a line that is not the customer's ends the bench.
"""

import io
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.panel import ROOT


def figures() -> Iterator[tuple[str, float]]:
    """The group's figures, from a process of their own."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.history"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    yield from json.loads(process.stdout.splitlines()[-1]).items()


def measured() -> dict[str, float]:
    """Make the year, look for it hot, archive it, look for it in the archives."""
    from django.conf import settings

    from audit.keys import ensure_audit_key
    from tests.bench import year

    ensure_audit_key()
    began = time.perf_counter()
    made = year.fill(Path(settings.NPANEL_LOG_DIR))
    _say("filled", began)
    _retain("app")
    expected = _truth(made.logged)
    found = {"history.things": float(sum(expected.values())), **_hot(expected), "history.console_s": _console()}
    began = time.perf_counter()
    _retain("operations", "audit")
    _say("archived", began)
    return found | {"history.retention_s": time.perf_counter() - began} | _archived(expected - _search("--hot")[0])


def _truth(logged: int) -> Counter[str]:
    """How many things of each kind are the customer's, by their correlation id."""
    from audit.models import Event
    from hosting.models import Operation
    from observability.retained import kinds
    from tests.bench.year import CORRELATION

    events = Event.objects.filter(correlation_id=CORRELATION).count()
    operations = Operation.objects.filter(correlation_id=CORRELATION).count()
    known = Counter({"app": logged, "audit": events, "operations": operations})
    return Counter({kind.name: known[kind.name] for kind in kinds()})


def _hot(expected: Counter[str]) -> dict[str, float]:
    """The best of three, as a second look at what is at hand is what an operator has."""
    tries = [_search("--hot") for _ in range(3)]
    counts = tries[0][0]
    for kind in expected:
        one = min(_search("--hot", "--kind", kind)[1] for _ in range(2))
        print(f"    hot {kind}: {counts[kind]} of {expected[kind]}, {one:.3f} s", file=sys.stderr)
    return {
        "history.hot_s": min(seconds for _counts, seconds in tries),
        "history.hot_missed": float((expected - counts - _search("--archived", "--kind", "app")[0]).total()),
    }


def _search(*options: str) -> tuple[Counter[str], float]:
    """What ``log_search`` finds of each kind, and its seconds."""
    from django.core.management import call_command

    from tests.bench.year import NAME

    out, began = io.StringIO(), time.perf_counter()
    call_command("log_search", "--name", NAME, "--json", *options, stdout=out, stderr=io.StringIO())
    return _counted(out.getvalue()), time.perf_counter() - began


def _counted(text: str) -> Counter[str]:
    """Lines of the customer's correlation id, by kind; a line of another would be a wrong find."""
    from tests.bench.year import CORRELATION

    found: Counter[str] = Counter()
    for raw in text.splitlines():
        line = json.loads(raw)
        found[_kind(line) if line.get("correlation_id") == CORRELATION else "wrong"] += 1
    if found["wrong"]:
        raise RuntimeError(f"{found['wrong']} lines were found that are not the customer's")
    return found


def _kind(line: dict[str, Any]) -> str:
    if line["service"] == "audit" or line["operation"].startswith("audit"):
        return "audit"
    return "app" if line["service"] == "npanel-worker" else "operations"


def _console() -> float:
    """The audit log's page in the console, asked for the name."""
    from django.test import Client

    from tests import people
    from tests.bench.year import NAME

    client = Client()
    client.force_login(people.admin())
    took = []
    for _ in range(4):
        began = time.perf_counter()
        answer = client.get("/admin/audit/event/", {"q": NAME})
        took.append(time.perf_counter() - began)
        if answer.status_code != 200 or "wander" not in answer.content.decode():
            raise RuntimeError(f"the console did not find the customer: {answer.status_code}")
    return sorted(took)[1]


def _retain(*names: str) -> None:
    """Archive what is due of these kinds."""
    from observability import retention
    from observability.retained import get_kind

    for name in names:
        began = time.perf_counter()
        retention.run(get_kind(name))
        _say(f"archived {name}", began)


def _archived(expected: Counter[str]) -> dict[str, float]:
    """One command over all archives, and one over a month: memory must not grow with what is read."""
    text, seconds, peak = _command("--archived")
    counts = _counted(text)
    for kind in expected:
        print(f"    archived {kind}: {counts[kind]} of {expected[kind]}", file=sys.stderr)
    _text, _seconds, of_a_month = _command("--archived", "--since", "60d", "--until", "30d")
    return {
        "history.archive_s": seconds,
        "history.archive_missed": float((expected - counts).total()),
        "history.archive_peak_mb": peak,
        "history.archive_memory_growth": peak / of_a_month,
    }


def _command(*options: str) -> tuple[str, float, float]:
    """``manage.py log_search`` in a process: its output, seconds, and peak of memory in MB."""
    from tests.bench.year import NAME

    argv = [sys.executable, "manage.py", "log_search", "--name", NAME, "--json", *options]
    began = time.perf_counter()
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ)
    assert process.stdout is not None
    text = process.stdout.read().decode()
    _pid, _status, usage = os.wait4(process.pid, 0)
    return text, time.perf_counter() - began, _peak(usage)


def _peak(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss * 1024 / 1_000_000


def _say(what: str, began: float) -> None:
    print(f"    {what} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def main() -> None:
    """Measure on a MariaDB of its own; the last line of the output is JSON."""
    from tests.bench import crowd

    with crowd.installation():
        print(json.dumps(measured()))


if __name__ == "__main__":
    main()
