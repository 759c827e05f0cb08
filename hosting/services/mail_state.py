"""What DNS says of a domain's mail, who keeps it there, and where mail programs find the server."""

from collections.abc import Callable
from dataclasses import dataclass

from hosting.choices import DkimState
from hosting.desired import absolute, addresses
from hosting.desired.mail_records import Kept, delivered_here, is_spf, mail_host, mail_records
from hosting.models import DnsRecord, MailDomain

Fits = Callable[[DnsRecord | Kept], bool]


@dataclass(frozen=True, slots=True)
class DnsPart:
    """One thing that a domain's mail needs in DNS.

    Args:
        name: ``mx``, ``spf``, ``dkim`` or ``dmarc``.
        keeper: ``kept`` by NPanel, the customer's ``own``, ``missing``, or ``outside``: the zone is kept elsewhere.
        records: those that there are; of a zone elsewhere, those that it should have. Names are whole.
    """

    name: str
    keeper: str
    records: tuple[Kept, ...]


def dns_parts(mail: MailDomain) -> list[DnsPart]:
    """Mail server, senders, signature and policy of a domain's mail."""
    rows = list(mail.domain.records.all())
    wanted = mail_records(mail.domain, rows, addresses(mail.domain.service.node))
    return [_part(mail, name, fits, rows, wanted) for name, fits in _parts_of(mail).items()]


def is_delivered_here(mail: MailDomain) -> bool:
    """Whether mail to the domain is delivered on its node."""
    return delivered_here(mail.domain, mail, mail.domain.records.all(), addresses(mail.domain.service.node))


def server_name(mail: MailDomain) -> str:
    """The host name that mail programs are given: one inside the domain where it leads here, else the node's."""
    domain, node = mail.domain, mail.domain.service.node
    rows, known = list(domain.records.all()), addresses(node)
    if domain.has_zone and delivered_here(domain, mail, rows, known):
        return absolute(mail_host(domain, rows, known), domain.name)
    return str(node.facts.get("hostname") or node.address)


def _part(mail: MailDomain, name: str, fits: Fits, rows: list[DnsRecord], wanted: list[Kept]) -> DnsPart:
    own = [Kept(row.name, row.type, row.content) for row in rows if fits(row)]
    kept = [record for record in wanted if fits(record)]
    if not mail.domain.has_zone:
        keeper = "outside" if kept else "missing"
    else:
        keeper = "own" if own else "kept" if kept else "missing"
    shown = own if keeper == "own" else kept
    zone = mail.domain.name
    return DnsPart(name, keeper, tuple(Kept(absolute(one.name, zone), one.type, one.content) for one in shown))


def _parts_of(mail: MailDomain) -> dict[str, Fits]:
    signing = {f"{key.selector}._domainkey" for key in mail.dkim_keys.all() if key.state == DkimState.ACTIVE}
    return {
        "mx": lambda row: (row.name, row.type) == ("@", "MX"),
        "spf": is_spf,
        "dkim": lambda row: row.name in signing and row.type in ("TXT", "CNAME"),
        "dmarc": lambda row: row.name == "_dmarc" and row.type in ("TXT", "CNAME"),
    }
