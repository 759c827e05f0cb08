"""``python -m tests.drills [NAME …]``: run all drills, or these, on one stack; writes build/drills.json."""

import sys

from tests.drills.catalogue import DRILLS, find
from tests.drills.faults import Drill
from tests.drills.runner import Record, Run, missed, report, table
from tests.drills.stack import Stack
from tests.mariadb import exit_on_sigterm


def run(drills: list[Drill]) -> list[Record]:
    """Run drills one after another on one stack; what each came to, as far as it got."""
    records: list[Record] = []
    stack = Stack()
    try:
        stack.up()
        for drill in sorted(drills, key=lambda one: one.busy):
            print(f"{drill.name} …", flush=True)
            records.append(Run(stack, drill).go())
            print(table(records[-1:]).split("\n", 1)[1], flush=True)
            report(records)
    finally:
        stack.down()
    return records


def main(names: list[str]) -> int:
    """Exit status 0 only when every drill passed and met its targets."""
    try:
        chosen = [find(name) for name in names] or list(DRILLS)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    exit_on_sigterm()
    records = run(chosen)
    print("\n" + table(records))
    wrong = missed(records)
    print("\n" + ("\n".join(f"missed: {one}" for one in wrong) or "All targets were met."))
    return 0 if len(records) == len(chosen) and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
