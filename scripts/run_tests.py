"""Runs the test layers one after another and closes with a table of counts, seconds and database per layer."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mariadb import MariaDBError, exit_on_sigterm, mariadb_server, run_to_end  # noqa: E402

LAYERS = ("unit", "contract", "web", "live")
DATABASES = ("sqlite", "mariadb")
ON_EVERY_DATABASE = ("unit",)
IN_PARALLEL = {"unit": ("-n", "2")}
RUN_BROKEN = "the run itself failed: its output is above"


@dataclass(frozen=True)
class Run:
    """One pytest process: a layer of the suite on one database."""

    layer: str
    database: str

    @property
    def report(self) -> Path:
        return ROOT / "build" / f"junit-{self.layer}-{self.database}.xml"


@dataclass(frozen=True)
class Result:
    """What a run came to: counts of tests, wall seconds, and a remark where a count does not say enough."""

    run: Run
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    remark: str = ""


def planned_runs(layers: Iterable[str], database: str | None) -> list[Run]:
    """Say what to run: without a chosen database the unit layer runs on each and the others on SQLite."""
    if database == "both":
        return [Run(layer, name) for layer in layers for name in DATABASES]
    if database is not None:
        return [Run(layer, database) for layer in layers]
    return [Run(layer, name) for layer in layers for name in (DATABASES if layer in ON_EVERY_DATABASE else ("sqlite",))]


@contextlib.contextmanager
def surroundings(database: str) -> Iterator[dict[str, str]]:
    """Give an environment with a fresh database and a var directory of its own, for as long as the context lives.

    Without them a test could meet the data, keys and doorbell of a panel that runs from the same checkout.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="npanel-test-"))
        url = f"sqlite:///{folder}/npanel.sqlite3"
        if database == "mariadb":
            url = stack.enter_context(mariadb_server()).url
        yield {**os.environ, "NPANEL_DATABASE_URL": url, "NPANEL_VAR_DIR": folder}


def execute(run: Run, pytest_arguments: list[str]) -> Result:
    """Run one layer on its database and judge it."""
    print(f"\n=== {run.layer} on {run.database}", flush=True)
    run.report.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        with surroundings(run.database) as environment:
            status = run_to_end(_command(run, pytest_arguments), environment)
    except MariaDBError as error:
        return Result(run, failed=1, seconds=time.monotonic() - started, remark=str(error).splitlines()[0])
    return judge(run, status, time.monotonic() - started)


def _command(run: Run, pytest_arguments: list[str]) -> list[str]:
    pytest = [sys.executable, "-m", "pytest", "-q", f"tests/{run.layer}", f"--junitxml={run.report}"]
    return [*pytest, *IN_PARALLEL.get(run.layer, ()), *pytest_arguments]


def judge(run: Run, status: int, seconds: float) -> Result:
    """Read the run's report; a run that failed without a failed test (no tests, a crash) counts as one failure."""
    passed, failed, skipped = read_counts(run.report)
    remark = ""
    if status != 0 and failed == 0:
        failed = 1
        remark = "no tests found" if status == 5 else f"{RUN_BROKEN} (pytest exit status {status})"
    return Result(run, passed, failed, skipped, seconds, remark)


def read_counts(report: Path) -> tuple[int, int, int]:
    """Give (passed, failed, skipped) of a junit file; errors are failures, no readable file is three zeros."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - pytest wrote it just now
    except (OSError, ElementTree.ParseError):
        return 0, 0, 0
    total, failures, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return max(0, total - failures - errors - skipped), failures + errors, skipped


def table(results: list[Result]) -> str:
    """Lay the results out for people, the totals as the last line: `N passed, N failed[, N skipped]`."""
    line = "{:<10} {:<9} {:>7} {:>7} {:>8} {:>8}  {}"
    rows = [line.format("layer", "database", "passed", "failed", "skipped", "seconds", "").rstrip()]
    for result in results:
        counts = (result.passed, result.failed, result.skipped, f"{result.seconds:.1f}")
        rows.append(line.format(result.run.layer, result.run.database, *counts, result.remark).rstrip())
    return "\n".join([*rows, "", totals(results)])


def totals(results: list[Result]) -> str:
    """Give the one line that sums everything up."""
    passed, failed, skipped = (
        sum(getattr(result, name) for result in results) for name in ("passed", "failed", "skipped")
    )
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def note_interrupts() -> list[int]:
    """Give a list that fills with each Ctrl-C: pytest gets the signal too and ends itself, we only stop after it."""
    noted: list[int] = []
    signal.signal(signal.SIGINT, lambda signum, _frame: noted.append(signum))
    return noted


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows `--` goes to pytest as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layer", choices=LAYERS, help="only this layer")
    parser.add_argument("--db", choices=[*DATABASES, "both"], help="only this database, for every layer that runs")
    own, rest = (arguments, []) if "--" not in arguments else _split(arguments)
    options = parser.parse_args(own)
    options.pytest_arguments = rest
    return options


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def main(arguments: list[str]) -> int:
    """Run what was asked for; exit status 0 only when every planned run happened and nothing failed."""
    options = parse(arguments)
    exit_on_sigterm()
    interrupts = note_interrupts()
    os.chdir(ROOT)
    (ROOT / "build").mkdir(exist_ok=True)
    runs = planned_runs([options.layer] if options.layer else LAYERS, options.db)
    results: list[Result] = []
    for run in runs:
        results.append(execute(run, options.pytest_arguments))
        if interrupts:
            break
    print("\n" + table(results), flush=True)
    return 0 if len(results) == len(runs) and not any(result.failed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
