"""Runs the test layers, in two lanes when it is all of them, and closes with a table of counts, seconds, database."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mariadb import MariaDBError, exit_on_sigterm, mariadb_server, run_to_end  # noqa: E402

LAYERS = ("unit", "contract", "web", "live")
DATABASES = ("sqlite", "mariadb")
ON_EVERY_DATABASE = ("unit",)
IN_PARALLEL = {"unit": ("-n", "2")}
#: What runs side by side when the whole suite does: tests on nodes mostly wait, the others mostly compute.
LANES = {"computing": ("unit", "web"), "waiting": ("contract", "live")}
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
    parser.add_argument("--lane", choices=LANES, help=argparse.SUPPRESS)
    parser.add_argument("--db", choices=[*DATABASES, "both"], help="only this database, for every layer that runs")
    own, rest = (arguments, []) if "--" not in arguments else _split(arguments)
    options = parser.parse_args(own)
    options.pytest_arguments = rest
    return options


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def run_lane(runs: list[Run], pytest_arguments: list[str]) -> list[Result]:
    """Carry runs out one after another, until one of them is interrupted."""
    interrupts = note_interrupts()
    results: list[Result] = []
    for run in runs:
        results.append(execute(run, pytest_arguments))
        if interrupts:
            break
    return results


def run_lanes(options: argparse.Namespace) -> list[Result]:
    """Run the lanes side by side, each in a process of its own; one streams, the other's output follows at the end."""
    outputs = {name: ROOT / "build" / f"lane-{name}.log" for name in LANES}
    streaming, *kept = LANES
    with contextlib.ExitStack() as stack:
        processes = {}
        for name in LANES:
            output = stack.enter_context(outputs[name].open("w")) if name in kept else None
            _results_of(name).unlink(missing_ok=True)
            processes[name] = subprocess.Popen(_lane_command(name, options), stdout=output, stderr=output)
            stack.callback(_end, processes[name])
        note_interrupts()
        for name, process in processes.items():
            process.wait()
            if name != streaming:
                print(f"\n=== what the lane {name!r} said\n{outputs[name].read_text()}", flush=True)
    return sorted((result for name in LANES for result in _read_results(name)), key=lambda r: LAYERS.index(r.run.layer))


def _lane_command(name: str, options: argparse.Namespace) -> list[str]:
    database = ["--db", options.db] if options.db else []
    return [sys.executable, __file__, "--lane", name, *database, "--", *options.pytest_arguments]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()


def _results_of(lane: str) -> Path:
    return ROOT / "build" / f"lane-{lane}.json"


def _read_results(lane: str) -> list[Result]:
    """What a lane's process wrote down; nothing when it did not come so far."""
    with contextlib.suppress(FileNotFoundError):
        stored = json.loads(_results_of(lane).read_text())
        return [Result(**{**result, "run": Run(**result["run"])}) for result in stored]
    return []


def main(arguments: list[str]) -> int:
    """Run what was asked for; exit status 0 only when every planned run happened and nothing failed."""
    options = parse(arguments)
    exit_on_sigterm()
    os.chdir(ROOT)
    (ROOT / "build").mkdir(exist_ok=True)
    layers = LANES.get(options.lane) or ([options.layer] if options.layer else LAYERS)
    runs = planned_runs(layers, options.db)
    whole = not options.lane and not options.layer
    results = run_lanes(options) if whole else run_lane(runs, options.pytest_arguments)
    if options.lane:
        _results_of(options.lane).write_text(json.dumps([asdict(result) for result in results]))
    else:
        print("\n" + table(results), flush=True)
    return 0 if len(results) == len(runs) and not any(result.failed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
