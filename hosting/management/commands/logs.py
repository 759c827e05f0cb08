"""``manage.py logs``: the story of a trace or correlation id, in order of time."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.story import Moment, Story, document, is_id, story


class Command(HostingCommand):
    """Tell what happened under an id. Exit status: 0 something is known, 1 nothing is."""

    help = "Tell what is known under a trace or correlation id: requests, audit, operations, commands, log lines."

    def add_arguments(self, parser: CommandParser) -> None:
        """The id, and how much of the log."""
        super().add_arguments(parser)
        ids = parser.add_mutually_exclusive_group(required=True)
        ids.add_argument("--trace", metavar="ID", help="a trace id: 32 hex digits")
        ids.add_argument("--correlation", metavar="ID", help="a correlation id")
        parser.add_argument("--all", action="store_true", help="log lines of each level, not only warnings and up")

    def act(self, options: dict[str, Any]) -> int:
        """Print the story, or say what was searched."""
        wanted = (options["trace"] or options["correlation"]).strip()
        wanted = wanted.lower() if options["trace"] else wanted
        told = story(self.actor, wanted, all_lines=options["all"])
        if told.moments:
            self.show(document(told), _text(told))
            return 0
        if self.as_json:
            self.show(document(told), "")
        self.say(_searched(told))
        return 1


def _text(told: Story) -> str:
    lines = [line for moment in told.moments for line in _rows(moment)]
    more = ["There is more than is shown here."] if told.cut else []
    return "\n".join([*lines, f"{len(told.moments)} entries, {told.failures} failed, {told.seconds:.2f} s", *more])


def _rows(moment: Moment) -> list[str]:
    status = "" if moment.exit is None else f"  exit {moment.exit}"
    took = "" if moment.seconds is None else f"  {moment.seconds:.3f} s"
    sign, node = "!" if moment.failed else " ", f"  [{moment.node}]" if moment.node else ""
    head = f"{sign} {moment.at:%Y-%m-%d %H:%M:%S.%f}"[:25] + f"  {moment.sort:9} {moment.what}{node}{status}{took}"
    note = [f"      {moment.note}"] if moment.note else []
    return [head, *note, *(f"        {line}" for line in moment.diff)]


def _searched(told: Story) -> str:
    files = ", ".join(told.reading.files) if told.reading and told.reading.files else "none can be read here"
    shape = "" if is_id(told.wanted) else " That is no trace or correlation id."
    return f"Nothing is known under {told.wanted}.{shape} Searched: audit events, operations, log files ({files})."
