"""``manage.py secondary_show``: the secondaries of a node, how far behind they are, and what to tell one of them."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.models import Secondary
from hosting.services.secondaries import is_set_up, settings_of
from hosting.signals_of_life import secondary_target
from observability.health.secondaries import Standing, look


class Command(HostingCommand):
    """Show secondary name servers."""

    help = "Ask a node's secondaries for its zones as they are now; exit 2 if one is behind or not set up."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which ones."""
        super().add_arguments(parser)
        parser.add_argument("node", help="the node whose zones they fetch")
        parser.add_argument("name", nargs="?", help="only this one")
        parser.add_argument("--with-key", action="store_true", help="with its TSIG key; needs the worker's key")

    def act(self, options: dict[str, Any]) -> int:
        """Ask each."""
        node = self.node(options["node"])
        rows = Secondary.objects.filter(node=node).select_related("node", "carrier")
        if options["name"]:
            rows = rows.filter(pk=self.find(Secondary, "secondary_add", node=node, name=options["name"]).pk)
        shown = [self._facts(row, with_key=options["with_key"]) for row in rows]
        text = "\n".join(line for facts in shown for line in _lines(facts)) or "There is none."
        self.show({"secondaries": shown}, text)
        return 0 if all(facts["set_up"] and not facts["behind"] for facts in shown) else 2

    def _facts(self, row: Secondary, *, with_key: bool) -> dict[str, Any]:
        standing: Standing = look(secondary_target(row))
        return {
            "name": row.name,
            "address": row.address,
            "carrier": row.carrier.name if row.carrier else "",
            "set_up": is_set_up(row),
            "asked": len(standing.asked),
            "behind": list(standing.behind),
            "settings": settings_of(row) if with_key else {},
        }


def _lines(facts: dict[str, Any]) -> list[str]:
    state = "is set up" if facts["set_up"] else "waits for the node's bootstrap"
    head = f"{facts['name']} ({facts['carrier'] or facts['address']}) {state}; {facts['asked']} zones were asked for."
    behind = [f"  behind: {name}" for name in facts["behind"]]
    return [head, *behind, *(f"  {name}: {value}" for name, value in facts["settings"].items())]
