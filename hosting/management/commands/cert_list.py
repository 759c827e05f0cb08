"""``manage.py cert_list``: certificates of sites, and how long they are valid."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet
from django.utils import timezone

from hosting import selectors
from hosting.management.door import HostingCommand
from hosting.models import Certificate


class Command(HostingCommand):
    """List certificates."""

    help = "List certificates of sites, the one that ends first on top; with --ends-within exit 2 if there are any."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which of them."""
        super().add_arguments(parser)
        parser.add_argument("--domain", help="only what this domain is served with")
        parser.add_argument("--ends-within", type=int, metavar="DAYS", help="only those that end so soon, or have")

    def act(self, options: dict[str, Any]) -> int:
        """Print them."""
        rows = list(self._rows(options))
        text = "\n".join(_line(row) for row in rows) or "There are none."
        self.show({"certificates": [_facts(row) for row in rows]}, text)
        return 2 if rows and options["ends_within"] is not None else 0

    def _rows(self, options: dict[str, Any]) -> QuerySet[Certificate]:
        rows = selectors.certificates(self.actor).filter(domains__name_key__isnull=False).distinct()
        if options["domain"]:
            rows = rows.filter(domains__name_key=options["domain"].strip().lower().rstrip("."))
        if options["ends_within"] is not None:
            rows = rows.filter(not_after__lte=timezone.now() + timedelta(days=options["ends_within"]))
        return rows.prefetch_related("domains").order_by("not_after", "pk")


def _facts(row: Certificate) -> dict[str, Any]:
    return {
        "id": row.pk,
        "service": row.service.username,
        "domains": sorted(domain.name for domain in row.domains.all()),
        "names": row.names,
        "state": row.state.value,
        "source": row.source,
        "issuer": row.issuer,
        "not_after": row.not_after,
        "sha256": row.fingerprint,
    }


def _line(row: Certificate) -> str:
    domains = ", ".join(sorted(domain.name for domain in row.domains.all()))
    return f"{row.not_after:%Y-%m-%d}  {row.state.value:<8}  {row.service.username:<16}  {domains}"
