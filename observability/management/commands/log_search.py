"""``manage.py log_search``: lines of logs and operations, hot or archived, by id, name, time or text."""

import datetime
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from observability.log_search import Reading, Wanted, search
from observability.retained import kinds

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    """Search everything that is kept. Exit status: 0 something was found, 2 nothing was, 1 not all could be read."""

    help = "Search hot and archived logs by trace, correlation, name, time, text, level or operation."

    def add_arguments(self, parser: CommandParser) -> None:
        """What is looked for; all that is given must be true of a line."""
        parser.add_argument("text", nargs="?", default="", help="a part of the line, in any case")
        parser.add_argument("--trace", default="", help="a trace id")
        parser.add_argument("--correlation", default="", help="a correlation id")
        parser.add_argument(
            "--name", action="append", default=[], help="name or id of a customer, service or person, as a whole word"
        )
        parser.add_argument("--since", default="", help="2026-11-26, 2026-11-26T08:00, or 90m, 12h, 30d ago")
        parser.add_argument("--until", default="", help="as --since; lines before it")
        parser.add_argument("--level", default="", help="debug, info, warning, error or critical")
        parser.add_argument("--operation", default="", help="the operation field, such as ssh_connect")
        parser.add_argument("--kind", action="append", default=[], help="app, operations, … (default: all)")
        parser.add_argument("--hot", action="store_true", help="leave the archives out")
        parser.add_argument("--archived", action="store_true", help="look into the archives only")
        parser.add_argument("--json", action="store_true", help="print the lines as they are, one JSON object a line")
        parser.add_argument("--limit", type=int, default=0, help="end after so many lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what is found as it is found."""
        wanted, reading = _wanted(options), Reading()
        count = 0
        for source, line in search(wanted, reading, on_archive=self._say):
            self.stdout.write(json.dumps(line, separators=(",", ":")) if options["json"] else _row(source, line))
            count += 1
            if count == options["limit"]:
                break
        self.stderr.write(
            f"{count} found in {reading.lines} lines; {len(reading.archives)} archives read, "
            f"{reading.passed_over} passed over by their time."
        )
        if reading.locked:
            self.stderr.write(
                f"{len(reading.locked)} archives were left out, {reading.locked[0]} the first: this database account "
                "has not the keys of what is in them. Search with the account that seals."
            )
        if reading.broken:
            raise CommandError("Not all archives could be read:\n" + "\n".join(reading.broken))
        if not count:
            raise SystemExit(2)

    def _say(self, archive: str) -> None:
        self.stderr.write(f"reading {archive}")


def _wanted(options: dict[str, Any]) -> Wanted:
    unknown = set(options["kind"]) - {kind.name for kind in kinds()}
    if unknown:
        raise CommandError(f"There is no kind {', '.join(sorted(unknown))}; {', '.join(k.name for k in kinds())} are.")
    if options["hot"] and options["archived"]:
        raise CommandError("--hot and --archived leave nothing to search.")
    return Wanted(
        trace=options["trace"], correlation=options["correlation"], since=_moment(options["since"]),
        until=_moment(options["until"]), text=options["text"], names=tuple(options["name"]), level=options["level"],
        operation=options["operation"], kinds=tuple(options["kind"]), hot=not options["archived"],
        archived=not options["hot"],
    )  # fmt: skip


def _moment(text: str) -> datetime.datetime | None:
    if not text:
        return None
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is no time: write 2026-11-26, 2026-11-26T08:00 or 12h.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _row(source: str, line: dict[str, Any]) -> str:
    parts = (
        line.get("timestamp", "-"),
        str(line.get("level", "-")),
        line.get("service", "-"),
        line.get("operation", "-"),
    )
    return f"{parts[0]:<24} {parts[1]:<8} {parts[2]:<14} {parts[3]:<18} {line.get('message', '')}  [{source}]"
