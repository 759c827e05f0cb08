"""Runs the groups (``ONLY=hosting`` picks one), prints a table with targets, and keeps ``build/bench.json``."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from tests.bench.panel import ROOT, surroundings

#: Upper limits of PERFORMANCE.md; what has none is information.
TARGETS = {
    "hosting.create.first_s": 1.0,
    "hosting.create.ratio_to_floor": 3.0,
    "hosting.create.ratio_to_floor_500": 3.0,
    "hosting.create.ratio_to_floor_60": 3.0,
    "hosting.create.growth_500": 1.2,
    "hosting.create.growth_60": 1.2,
    "hosting.create.concurrent50_each_s": 0.5,
    "hosting.reloads_per_service.serial": 1.0,
    "hosting.reloads_per_service.concurrent50": 0.2,
    "hosting.create.round_trips": 12,
    "hosting.create.rtt100_extra_s": 1.5,
    "hosting.delete.first_s": 0.7,
    "hosting.dns_record_s": 0.15,
    "hosting.database_s": 0.15,
    "hosting.observe_500_s": 5.0,
    "hosting.observe_60_s": 5.0,
    "certificate.install_10_s": 0.5,
    "certificate.install_100_s": 0.5,
    "certificate.install_1000_s": 0.5,
    "certificate.reloads_each": 1.0,
    "hosting.mailbox_s": 0.1,
    "mail.mailbox.growth": 1.2,
    "mail.alias.growth": 1.2,
    "mail.reloads": 0,
    "failpoints.unrecovered": 0,
    "api.list_p95_ms": 100,
    "admin.list_100k_p95_ms": 200,
    "admin.search_100k_p95_ms": 200,
    "admin.object_p95_ms": 200,
    "admin.start_p95_ms": 200,
    "portal.page_p95_ms": 100,
    "auth.login_p95_ms": 200,
    "auth.session_p95_ms": 100,
    "metrics.scrape_10k_ms": 100,
    "metrics.scrape_growth": 1.05,
    "audit.bypasses_undetected": 0,
    "audit.cost_ratio": 1.1,
    "audit.seal_lag_s": 2.0,
    "audit.verify_1m_s": 60,
    "audit.verify_peak_mb": 64,
    "audit.verify_peak_growth": 1.1,
    "history.hot_s": 1.0,
    "history.hot_missed": 0,
    "history.console_s": 1.0,
    "history.archive_missed": 0,
    "history.archive_memory_growth": 1.2,
}
#: HestiaCP 1.10.3 on the same kind of machine (PERFORMANCE.md), where there is something to compare with.
PEER = {
    "hosting.create.first_s": "10.73 s (user, site, zone, database)",
    "hosting.delete.first_s": "5.98 s (whole account)",
    "hosting.database_s": "0.44 s",
}
FILE = ROOT / "build" / "bench.json"


def _hosting() -> Iterator[tuple[str, float]]:
    from tests.bench import hosting

    yield from hosting.figures()


def _api() -> Iterator[tuple[str, float]]:
    from tests.bench import api

    yield from api.figures()


def _certificate() -> Iterator[tuple[str, float]]:
    from tests.bench import certificates

    yield from certificates.figures()


def _panel100k() -> Iterator[tuple[str, float]]:
    from tests.bench import panel100k

    yield from panel100k.figures()


def _portal() -> Iterator[tuple[str, float]]:
    from tests.bench import portal

    yield from portal.figures()


def _signin() -> Iterator[tuple[str, float]]:
    from tests.bench import signin

    yield from signin.figures()


def _metrics() -> Iterator[tuple[str, float]]:
    from tests.bench import metrics

    yield from metrics.figures()


def _audit() -> Iterator[tuple[str, float]]:
    from tests.bench import audit

    yield from audit.figures()


def _history() -> Iterator[tuple[str, float]]:
    from tests.bench import history

    yield from history.figures()


def _mail() -> Iterator[tuple[str, float]]:
    from tests.bench import mail

    yield from mail.figures()


GROUPS: dict[str, Callable[[], Iterator[tuple[str, float]]]] = {
    "hosting": _hosting,
    "certificate": _certificate,
    "mail": _mail,
    "panel100k": _panel100k,
    "api": _api,
    "portal": _portal,
    "signin": _signin,
    "metrics": _metrics,
    "audit": _audit,
    "history": _history,
}


def main() -> int:
    """Measure, keep, show. Exit status 2 for a group that does not exist."""
    only = os.environ.get("ONLY", "")
    if only and only not in GROUPS:
        print(f"ONLY must be one of {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    measured: dict[str, float] = {}
    began = time.monotonic()
    with surroundings():
        for name in [only] if only else GROUPS:
            for figure, value in GROUPS[name]():
                measured[figure] = round(value, 4)
                print(
                    f"  {time.monotonic() - began:6.0f} s  {figure} = {measured[figure]}", file=sys.stderr, flush=True
                )
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({**known, **measured}, indent=2, sort_keys=True) + "\n")
    _show({**known, **measured})
    return 0


def _show(figures: dict[str, float]) -> None:
    table = Table("figure", "measured", "limit", "HestiaCP 1.10.3")
    for name, value in sorted(figures.items()):
        limit = TARGETS.get(name)
        mark = "" if limit is None else ("≤ " if value <= limit else "OVER ") + f"{limit:g}"
        table.add_row(name, f"{value:g}", mark, PEER.get(name, ""))
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
