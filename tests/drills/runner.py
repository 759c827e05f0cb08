"""Runs one drill: fault, alert, the runbook's commands, recovery, and the end of the alert; measures each."""

import datetime
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from npanel.runbook.blocks import Block, all_blocks
from tests.drills import incidents, receipts
from tests.drills.faults import Drill
from tests.drills.monitoring import Alert
from tests.drills.shell import NotAsTold, Shell
from tests.drills.stack import Stack

BUILD = Path(__file__).resolve().parents[2] / "build"
#: The targets (OPERATIONS, section 6). Without an alert after the second, a drill has failed.
HARD_DETECT_S, DETECT_S, RECOVER_S = 60.0, 300.0, 900.0
QUIET_S = 420.0
#: Others who work on the same machine raise these; they count as background while its load is above its processors.
OF_THE_MACHINE = frozenset({"CpuHigh"})
#: A check that is not as told yet is repeated, as a person would.
AGAIN_S = 330.0


@dataclass
class Record:
    """What a drill came to. Seconds count from the fault (``detect``) or from the alert (``recover``, ``resolve``).

    ``incident``: what became of the alert in the console.
    ``background``: true alerts of something else: other people's work that keeps the machine's processors busy.
    ``leftovers``: alerts that were still active, or came, after the drill before had ended. They count as false.
    """

    drill: str
    hard: bool
    needs_alert: bool
    detect_s: float | None = None
    recover_s: float | None = None
    resolve_s: float | None = None
    alerts: list[str] = field(default_factory=list)
    false_alerts: list[str] = field(default_factory=list)
    background: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    runbook: list[str] = field(default_factory=list)
    incident: str = ""
    blocks: int = 0
    load: float = 0.0
    passed: bool = False
    problem: str = ""


class Run:
    """One drill on a stack.

    Args:
        receipts_file: where the receipts of its blocks go.
    """

    def __init__(self, stack: Stack, drill: Drill, receipts_file: Path = receipts.FILE) -> None:
        self.stack, self.drill, self._receipts = stack, drill, receipts_file
        self.known = all_blocks(receipts.FOLDER)
        self.record = Record(drill.name, drill.hard, bool(drill.alerts))
        self._seen: dict[str, Alert] = {}
        self._told_at = 0.0
        self._began_at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)

    def go(self) -> Record:
        """Run it to its end, whatever happens; what was broken is mended again."""
        try:
            self._quiet()
            self._fault()
            self._follow()
            self._resolve()
            self._incident()
            self.record.passed = not self.record.false_alerts
        except Exception as error:  # noqa: BLE001 - the record says so, and the next drill needs a whole stack
            self.record.problem = f"{type(error).__name__}: {error}"[:2000]
        finally:
            self.record.load = round(os.getloadavg()[0], 2)
            self._mend()
        return self.record

    def _quiet(self) -> None:
        """Wait until the drill before has no more to say; what it says late is no alert that anybody needs."""
        if not self.drill.alerts:
            return
        mine, deadline = set(self.drill.alerts), time.monotonic() + QUIET_S
        while names := {alert.name for alert in self.stack.monitoring.alerts()} - (OF_THE_MACHINE - mine):
            self.record.leftovers = sorted({*self.record.leftovers, *names})
            assert time.monotonic() < deadline, f"{', '.join(names)} still fire before the fault"
            time.sleep(2)

    def _fault(self) -> None:
        self._began_at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        self.drill.inject(self.stack)
        began = time.monotonic()
        if self.drill.alerts:
            self._await_alert(began)
        self._told_at = time.monotonic()

    def _await_alert(self, began: float) -> None:
        while not any(name in self._seen for name in self.drill.alerts):
            passed = time.monotonic() - began
            assert passed < DETECT_S, f"none of {self.drill.alerts} after {passed:.0f} s; fired: {sorted(self._seen)}"
            time.sleep(0.5)
            self._look()
        self.record.detect_s = round(time.monotonic() - began, 1)

    def _look(self) -> None:
        for alert in self.stack.monitoring.alerts():
            if alert.name in OF_THE_MACHINE - set(self.drill.alerts) and os.getloadavg()[0] > (os.cpu_count() or 1):
                self.record.background = sorted({*self.record.background, alert.name})
            elif alert.name not in self.record.background:
                self._seen.setdefault(alert.name, alert)
        expected = {*self.drill.alerts, *self.drill.also}
        self.record.alerts = sorted(self._seen)
        self.record.false_alerts = sorted(set(self._seen) - expected)
        self.record.runbook = sorted({alert.runbook for alert in self._seen.values() if alert.runbook})

    def _follow(self) -> None:
        """Do what the pages say, in their order."""
        mine = [block for block in self.known if self.drill.name in block.drills]
        mine.sort(key=lambda block: (block.page != self.drill.page, block.page, block.line))
        assert mine, f"no block of the runbook is for {self.drill.name}"
        opening = [block for block in self.known if "every" in block.drills]
        pressed = self.drill.between is None
        with self.stack.shell() as shell:
            for block in [*opening, *mine]:
                if not pressed and block.step == "check":
                    self.drill.between(self.stack)  # type: ignore[misc]
                    pressed = True
                self._run(shell, block)
        self.drill.after(self.stack)
        self.record.recover_s = round(time.monotonic() - self._told_at, 1)

    def _run(self, shell: Shell, block: Block) -> None:
        deadline = time.monotonic() + (AGAIN_S if block.step == "check" else 0)
        while True:
            try:
                shell.run(block)
                break
            except NotAsTold:
                if time.monotonic() > deadline:
                    raise
                time.sleep(3)
        self.record.blocks += 1
        name = "every" if "every" in block.drills else self.drill.name
        receipts.write(block, name, self.known, self._receipts)

    def _resolve(self) -> None:
        if not self.drill.alerts:
            return
        deadline = time.monotonic() + QUIET_S
        while {alert.name for alert in self.stack.monitoring.alerts()} & set(self._seen):
            self._look()
            assert time.monotonic() < deadline, f"still active: {[a.name for a in self.stack.monitoring.alerts()]}"
            time.sleep(1)
        self.record.resolve_s = round(time.monotonic() - self._told_at, 1)

    def _incident(self) -> None:
        """The console has the incident of the alert: by the page's template, with what led to it, and resolved."""
        if not self.drill.alerts:
            return
        told = [self._seen[name] for name in (*self.drill.alerts, *self.drill.also) if name in self._seen]

        def ended() -> list[Alert]:
            """Any of them: Alertmanager keeps back what another one explains (a crowded database, a dead one)."""
            return [alert for alert in told if incidents.ended(self.stack.rows, alert, self._began_at)]

        self.stack.wait(lambda: bool(ended()), f"the incident of {' or '.join(alert.name for alert in told)}")
        alert = ended()[0]
        incidents.check(incidents.of(self.stack.rows, alert, self._began_at), alert)
        self.record.incident = "resolved"

    def _mend(self) -> None:
        try:
            self.drill.undo(self.stack)
        except Exception as error:  # noqa: BLE001 - told in the record
            self.record.problem += f" (undo: {type(error).__name__}: {error})"
            self.record.passed = False


def figures(records: list[Record]) -> dict[str, Any]:
    """What is compared with the targets (OPERATIONS §6)."""
    alerted = [record for record in records if record.needs_alert and record.passed]
    found = [record.detect_s for record in alerted if record.detect_s is not None]
    hard = [record.detect_s for record in alerted if record.detect_s is not None and record.hard]
    back = [record.recover_s for record in records if record.recover_s is not None]
    return {
        "drills.run": len(records),
        "drills.covered": sum(record.passed for record in records),
        "drills.max_detect_s": max(found, default=None),
        "drills.hard_detect_s": max(hard, default=None),
        "drills.max_recover_s": max(back, default=None),
        "drills.false_alerts": sum(len(record.false_alerts) + len(record.leftovers) for record in records),
    }


def missed(records: list[Record]) -> list[str]:
    """Targets that were not met, in words; the exit status of ``make drills`` is theirs."""
    found = [f"{record.drill}: failed" for record in records if not record.passed]
    for record in records:
        limit = HARD_DETECT_S if record.hard else DETECT_S
        if record.detect_s is not None and record.detect_s >= limit:
            found.append(f"{record.drill}: noticed after {record.detect_s:.0f} s, the target is {limit:.0f} s")
        if record.recover_s is not None and record.recover_s >= RECOVER_S:
            found.append(f"{record.drill}: mended after {record.recover_s:.0f} s, the target is {RECOVER_S:.0f} s")
        if record.false_alerts or record.leftovers:
            found.append(f"{record.drill}: false alerts: {', '.join([*record.false_alerts, *record.leftovers])}")
    return found


def table(records: list[Record]) -> str:
    """For people; the rows first, then which targets were missed."""
    line = "{:<22} {:<30} {:>8} {:>9} {:>9} {:>6} {:>5} {:>12}  {:<8} {}"
    head = ("drill", "alert", "detect s", "recover s", "resolve s", "blocks", "load", "false alerts", "result", "notes")
    rows = [line.format(*head)]
    for record in records:
        times = [("–" if value is None else f"{value:.0f}")
                 for value in (record.detect_s, record.recover_s, record.resolve_s)]  # fmt: skip
        told = ", ".join(name for name in record.alerts if name not in record.false_alerts) or "–"
        wrong = len(record.false_alerts) + len(record.leftovers)
        result = "passed" if record.passed else "FAILED"
        words = (record.drill, told, *times, record.blocks, record.load, wrong, result, _notes(record))
        rows.append(line.format(*words).rstrip())
        if record.problem:
            rows.append(f"    {record.problem.splitlines()[0]}")
    return "\n".join(rows)


def _notes(record: Record) -> str:
    parts = (
        ("incident", [record.incident] if record.incident else []), ("background", record.background),
        ("left over", record.leftovers), ("FALSE", record.false_alerts),
    )  # fmt: skip
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)


def report(records: list[Record]) -> None:
    """Write build/drills.json and build/drills.txt."""
    BUILD.mkdir(exist_ok=True)
    found = {"figures": figures(records), "drills": [asdict(record) for record in records]}
    (BUILD / "drills.json").write_text(json.dumps(found, indent=2) + "\n")
    (BUILD / "drills.txt").write_text(table(records) + "\n")
