"""DNS questions and answers as bytes: what a resolver would ask of a zone, and whether the answer keeps the promise."""

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from hosting.state import DnsRecord, DnsZone
from hosting.texts import N_, NOTHING, Text

#: A label that no customer uses, to ask a wildcard with.
_UNDER_WILDCARD = "npanel-probe"
#: The flag of keys that DS records name (RFC 4034 §2.1.1).
_ENTRY_POINT = 1


def questions(zone: DnsZone) -> list[tuple[str, str]]:
    """What to ask: the SOA, one record if there is one that this server answers for, and the key of a signed zone."""
    record = _example(zone)
    example = [(record.name.replace("*", _UNDER_WILDCARD, 1), record.type)] if record else []
    return [(zone.name, "SOA"), *example, *([(zone.name, "DNSKEY")] if zone.signed else [])]


def ask(name: str, type: str, *, signed: bool = False) -> bytes:
    """One question in wire form (RFC 1035 §4.1), with room for an answer of 1232 bytes (EDNS, RFC 6891)."""
    query = dns.message.make_query(f"{name}.", type, use_edns=0, payload=1232, want_dnssec=signed)
    query.flags &= ~dns.flags.RD
    return query.to_wire()


def complaint(zone: DnsZone, answers: list[bytes]) -> Text:
    """What is wrong with the answers to :func:`questions`, or nothing if they are as the zone promises."""
    for (name, type), answer in zip(questions(zone), answers, strict=True):
        try:
            message = dns.message.from_wire(answer, ignore_trailing=True)
        except dns.exception.DNSException as error:
            return N_("%(name)s %(type)s: the answer is not DNS (%(error)s)", name=name, type=type, error=_named(error))
        if problem := _problem(zone, name, type, message):
            return N_("%(name)s %(type)s: %(problem)s", name=name, type=type, problem=problem)
    return NOTHING


def _named(error: Exception) -> str:
    """The class name of an exception (dnspython's often have no text)."""
    return type(error).__name__


def serial_of(answer: bytes) -> int:
    """The serial in the answer to the SOA question (0 if there is none)."""
    for found in dns.message.from_wire(answer).answer:
        if found.rdtype == dns.rdatatype.SOA:
            return int(found[0].serial)
    return 0


def ds_records(zone: DnsZone, answers: list[bytes]) -> list[str]:
    """What the parent zone has to say of a signed zone's keys: "DS tag algorithm digest-type digest" (RFC 4034 §5)."""
    found: list[str] = []
    for answer in answers if zone.signed else ():
        for rrset in dns.message.from_wire(answer, ignore_trailing=True).answer:
            if rrset.rdtype == dns.rdatatype.DNSKEY:
                keys = [key for key in rrset if key.flags & _ENTRY_POINT]
                found += [f"DS {dns.dnssec.make_ds(rrset.name, key, 'SHA256').to_text().upper()}" for key in keys]
    return sorted(found)


def _example(zone: DnsZone) -> DnsRecord | None:
    cuts = {record.name for record in zone.records if record.type == "NS" and record.name != zone.name}
    served = [r for r in zone.records if not any(r.name == cut or r.name.endswith(f".{cut}") for cut in cuts)]
    return min(served, key=lambda r: (r.type not in ("A", "AAAA"), r.type != "NS", r), default=None)


def _problem(zone: DnsZone, name: str, type: str, message: dns.message.Message) -> Text:
    if message.rcode() != dns.rcode.NOERROR:
        return N_("the name server says %(code)s", code=dns.rcode.to_text(message.rcode()))
    if not message.flags & dns.flags.AA:
        return N_("the answer is not authoritative")
    if message.flags & dns.flags.TC:
        return NOTHING
    got = {
        item.to_text().lower()
        for found in message.answer
        if found.rdtype == dns.rdatatype.from_text(type)
        for item in found
    }
    if zone.signed and not any(found.rdtype == dns.rdatatype.RRSIG for found in message.answer):
        return N_("the answer is not signed")
    if type == "DNSKEY":
        return NOTHING if got else N_("there is no key")
    if type == "SOA":
        start = f"{zone.primary}. {zone.hostmaster}. "
        end = f" {zone.refresh} {zone.retry} {zone.expire} {zone.minimum}"
        right = any(text.startswith(start) and text.endswith(end) for text in got)
        return NOTHING if right else N_("wrong SOA: %(got)s", got=sorted(got))
    asked = name.replace(_UNDER_WILDCARD, "*", 1)
    want = {r.content.lower() for r in zone.records if (r.name, r.type) == (asked, type)}
    return NOTHING if want == got else N_("answered %(got)s, not %(want)s", got=sorted(got), want=sorted(want))
