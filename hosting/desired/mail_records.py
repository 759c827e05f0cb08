"""The DNS records that a domain's mail needs, where the customer has none of that name and type."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hosting.models import DnsRecord, Domain, MailDomain
from hosting.state.zones import text_content

KEPT_TTL = 3600
#: Names for the mail server inside a domain; the first that the customer has no other use for.
_HOSTS = ("mail", "mx", "npanel-mail")
#: Where mail programs look (RFC 6186, RFC 8314): service and port.
_SERVICES = (("_imaps._tcp", 993), ("_submissions._tcp", 465), ("_submission._tcp", 587))

_Addresses = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that NPanel keeps: its name relative to the zone, its type, its content."""

    name: str
    type: str
    content: str


def mail_of(domain: Domain) -> MailDomain | None:
    """The domain's mail, if it is on."""
    return getattr(domain, "mail", None)


def mail_records(domain: Domain, rows: Iterable[DnsRecord], addresses: _Addresses) -> list[Kept]:
    """What is kept in the zone of a domain beside its rows; nothing when its mail is off.

    Args:
        rows: the customer's records. addresses: type and content for each address of its node.
    """
    mail = mail_of(domain)
    if mail is None:
        return []
    rows = list(rows)
    wanted = [Kept(f"{key.selector}._domainkey", "TXT", dkim_text(key.public_key)) for key in mail.dkim_keys.all()]
    if delivered_here(domain, mail, rows, addresses):
        wanted += _delivery(domain, rows, addresses)
    return [kept for kept in wanted if _is_free(kept, rows)]


def dkim_text(public_key: str) -> str:
    """The content of a DKIM record (RFC 6376 §3.6.1)."""
    return text_content(f"v=DKIM1; k=rsa; p={public_key}")


def delivered_here(domain: Domain, mail: MailDomain, rows: Iterable[DnsRecord], addresses: _Addresses) -> bool:
    """Whether mail to the domain is delivered on its node, by its MX records and by what was set."""
    rows = list(rows)
    targets = [_target(row.content, domain.name) for row in rows if row.name == "@" and row.type == "MX"]
    if mail.remote or not domain.has_zone:
        return not mail.remote
    return not targets or any(_is_here(target, domain.name, rows, addresses) for target in targets)


def mail_host(domain: Domain, rows: Iterable[DnsRecord], addresses: _Addresses) -> str:
    """The name of the mail server inside the domain, relative to it."""
    rows = list(rows)
    for host in _HOSTS:
        if _has_addresses(host, rows, addresses) or not any(_covers(row, host) for row in rows):
            return host
    return _HOSTS[-1]


def _delivery(domain: Domain, rows: list[DnsRecord], addresses: _Addresses) -> list[Kept]:
    host = mail_host(domain, rows, addresses)
    full = f"{host}.{domain.name}."
    found = [Kept(host, kind, content) for kind, content in addresses if not _has_addresses(host, rows, addresses)]
    found.append(Kept("@", "MX", f"10 {full}"))
    senders = " ".join(f"{'ip6' if kind == 'AAAA' else 'ip4'}:{content}" for kind, content in addresses)
    if not any(_is_spf(row) for row in rows):
        found.append(Kept("@", "TXT", text_content(f"v=spf1 mx {senders} ~all")))
    found.append(Kept("_dmarc", "TXT", text_content("v=DMARC1; p=none")))
    return found + [Kept(name, "SRV", f"0 1 {port} {full}") for name, port in _SERVICES]


def _is_free(kept: Kept, rows: list[DnsRecord]) -> bool:
    """Whether the customer has nothing that the record would stand against; texts at the domain itself go together."""
    if kept.name == "@" and kept.type == "TXT":
        return True
    return not any(
        (row.name == kept.name and row.type in (kept.type, "CNAME")) or _delegates(row, kept.name) for row in rows
    )


def _is_spf(row: DnsRecord) -> bool:
    return row.name == "@" and row.type == "TXT" and row.content.lstrip(' "').lower().startswith("v=spf1")


def _covers(row: DnsRecord, host: str) -> bool:
    return row.name == host or _delegates(row, host)


def _delegates(row: DnsRecord, name: str) -> bool:
    return row.type == "NS" and row.name != "@" and (name == row.name or name.endswith(f".{row.name}"))


def _has_addresses(host: str, rows: list[DnsRecord], addresses: _Addresses) -> bool:
    found = {(row.type, row.content) for row in rows if row.name == host}
    return bool(found) and found <= set(addresses)


def _is_here(target: str, zone: str, rows: list[DnsRecord], addresses: _Addresses) -> bool:
    host = "@" if target == zone else target.removesuffix(f".{zone}")
    if target != zone and host == target:
        return False
    return _has_addresses_of(host, rows, addresses) or host == mail_host_name(host, rows)


def _has_addresses_of(host: str, rows: list[DnsRecord], addresses: _Addresses) -> bool:
    return any(row.name == host and (row.type, row.content) in addresses for row in rows)


def mail_host_name(host: str, rows: list[DnsRecord]) -> str:
    """The name itself, if it is one of ours that the customer has no records for; else nothing."""
    return host if host in _HOSTS and not any(_covers(row, host) for row in rows) else ""


def _target(content: str, zone: str) -> str:
    name = content.split()[-1].lower() if content.split() else ""
    return name.rstrip(".") if "." in name else f"{name}.{zone}"
