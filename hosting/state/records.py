"""The one canonical form of a DNS record, and what makes a record wrong by itself."""

import re

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from hosting.errors import HostingError, UnsafeValue
from hosting.state.resources import DnsRecord
from hosting.texts import N_, NOTHING, Text

#: Types a zone may hold beside its SOA. No ALIAS, DNAME or LUA: somebody else would decide what is answered.
RECORD_TYPES = tuple("A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SRV SSHFP SVCB TLSA TXT".split())
MIN_TTL, MAX_TTL = 30, 2_419_200
#: Types whose target must be a host with addresses, not an alias (RFC 2181 §10.3, RFC 2782).
HOST_TARGETS = frozenset({"NS", "MX", "SRV"})
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Bytes of one character-string (RFC 1035 §3.3).
_STRING_BYTES = 255
#: Types that name a host, so that an underscore in their owner name can only be a mistake (RFC 952, RFC 1123 §2.1).
_HOST_TYPES = {"A", "AAAA", "MX", "PTR"}
#: Which word of the content is a host name.
_TARGET_WORD = {"CNAME": 0, "NS": 0, "PTR": 0, "MX": 1, "SRV": 3, "NAPTR": 5, "HTTPS": 1, "SVCB": 1}
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
#: Service parameters that need no quotes (RFC 9460 §2.1); name servers print them without.
_PLAIN_PARAMETER = re.compile(r'\b(mandatory|alpn|port|ipv4hint|ipv6hint)="([A-Za-z0-9,.:/_-]*)"')
_SERVICE = re.compile(r"_[a-z0-9-]+\._[a-z0-9-]+\..+")


class ZoneInvalid(HostingError):
    """A record, or records together, would break the zone. ``record`` is the one at fault, if there is one."""

    code = "zone_invalid"

    def __init__(self, detail: Text, *, code: str = "", hint: Text = NOTHING, record: DnsRecord | None = None) -> None:
        super().__init__(detail, code=code, hint=hint, field="records")
        self.record = record


def canonical_name(name: str, zone: str) -> str:
    """A record's name as the panel keeps it: absolute, lower-case ASCII, without a trailing dot.

    Args:
        name: ``@`` or empty for the zone itself, relative (``www``), inside the zone (``www.a.test``), or absolute with
            a trailing dot. Other scripts become IDNA (RFC 5891).
        zone: the zone's canonical name.

    Raises:
        ZoneInvalid: not a name, or not inside the zone.
    """
    text = _ascii(name.strip()).lower()
    if text.endswith("."):
        text = text[:-1]
    elif text in ("", "@"):
        text = zone
    elif text != zone and not text.endswith(f".{zone}"):
        text = f"{text}.{zone}"
    check_name(text, zone)
    return text


def canonical_record(name: str, type: str, content: str, ttl: int, zone: str) -> DnsRecord:
    """A record in the form that the name server gives back, so that wanted and observed compare equal.

    Args:
        name: see :func:`canonical_name`.
        type: one of :data:`RECORD_TYPES`, in any case.
        content: presentation form (RFC 1035 §5.1). A target name with a dot in it is absolute, another one is
            relative to the zone. TXT content that does not start with ``"`` is the text itself, as a person writes it.
        ttl: seconds.
        zone: the zone's canonical name.

    Raises:
        UnsafeValue: a control character or line break.
        ZoneInvalid: anything else that is wrong with the record alone.
    """
    kind = type.strip().upper()
    if UNSAFE.search(name + type + content):
        raise UnsafeValue(
            N_("The %(kind)s record %(name)s holds a control character.", kind=kind, name=repr(name)),
            hint=N_("Put it on one plain line."),
        )
    if kind not in RECORD_TYPES:
        hint = N_("Known types: %(types)s.", types=", ".join(RECORD_TYPES))
        raise ZoneInvalid(
            N_("Records of type %(kind)s are not supported.", kind=kind or N_("(none)")), code="record_type", hint=hint
        )
    owner = canonical_name(name, zone)
    record = DnsRecord(owner, kind, _content(owner, kind, content.strip(), zone), ttl)
    _check_ttl(record)
    _check_owner(record, zone)
    _check_target(record)
    return record


def wire_length(record: DnsRecord) -> int:
    """Bytes that the record's data takes in a DNS message, uncompressed."""
    data = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.type), record.content)
    return len(data.to_wire() or b"")


def text_content(value: str) -> str:
    """TXT content in presentation form, from text of any length: quoted, escaped, in pieces of at most 255 bytes."""
    return _quoted([value.encode()])


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        return dns.name.from_unicode(name, origin=None, idna_codec=dns.name.IDNA_2008_UTS_46).to_text()
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ZoneInvalid(
            N_("%(name)s is not a domain name: %(error)s", name=repr(name), error=error), code="name_invalid"
        ) from error


def check_name(name: str, zone: str) -> None:
    if name != zone and not name.endswith(f".{zone}"):
        hint = N_("Names in this zone end with %(zone)s.", zone=zone)
        raise ZoneInvalid(
            N_("%(name)s is not inside the zone %(zone)s.", name=name, zone=zone), code="name_outside_zone", hint=hint
        )
    labels = name.split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) or label == "*" for label in labels):
        hint = N_("Labels are 1 to 63 letters, digits, hyphens or underscores; a name is at most 253 characters.")
        raise ZoneInvalid(N_("%(name)s is not a domain name.", name=repr(name)), code="name_invalid", hint=hint)
    if "*" in labels[1:] or (name == f"*.{zone}" and zone == ""):
        hint = N_("A wildcard is the single leftmost label: *.example.com (RFC 4592).")
        raise ZoneInvalid(
            N_("%(name)s has a wildcard in the wrong place.", name=name), code="wildcard_misplaced", hint=hint
        )


def _content(name: str, kind: str, content: str, zone: str) -> str:
    if kind == "TXT":
        return _quoted(_strings(name, content))
    try:
        data = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.from_text(kind),
            _absolute_target(kind, content),
            origin=dns.name.from_text(zone),
            relativize=False,
        )
    except (dns.exception.DNSException, UnicodeError, ValueError) as error:
        detail = N_(
            "The %(kind)s record of %(name)s is not valid: %(reason)s", kind=kind, name=name, reason=_reason(error)
        )
        raise ZoneInvalid(detail, code="record_invalid", hint=_HINTS.get(kind, NOTHING)) from error
    return _PLAIN_PARAMETER.sub(r"\1=\2", data.to_text()) if kind in ("HTTPS", "SVCB") else data.to_text()


_HINTS = {
    "A": N_("An A record holds one IPv4 address, for example 192.0.2.10."),
    "AAAA": N_("An AAAA record holds one IPv6 address, for example 2001:db8::10."),
    "CAA": N_('A CAA record is: flags tag "value", for example 0 issue "letsencrypt.org".'),
    "CNAME": N_("A CNAME record holds one host name, for example www.example.com."),
    "MX": N_("An MX record is: priority host, for example 10 mail.example.com."),
    "NS": N_("An NS record holds one host name, for example ns1.example.com."),
    "SRV": N_("An SRV record is: priority weight port target, for example 10 5 5060 sip.example.com."),
}


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _absolute_target(kind: str, content: str) -> str:
    words = content.split(" ")
    words = [word for word in words if word]
    place = _TARGET_WORD.get(kind)
    if place is None or place >= len(words):
        return content
    target = _ascii(words[place]).lower()
    words[place] = target if target.endswith(".") or "." not in target else f"{target}."
    return " ".join(words)


def _strings(name: str, content: str) -> list[bytes]:
    """The character-strings of a TXT content; unquoted content is one string, taken literally."""
    if not content.startswith('"'):
        return [content.encode()]
    found: list[bytes] = []
    rest = content
    while rest:
        match = re.match(r'"((?:[^"\\]|\\[0-9]{3}|\\[^0-9])*)"(?:\s+|$)', rest)
        if match is None:
            hint = N_('Write the text without quotes, or each piece in quotes: "first" "second".')
            raise ZoneInvalid(
                N_("The quotes of the TXT record of %(name)s do not match.", name=name),
                code="record_invalid",
                hint=hint,
            )
        found.append(_unescape(name, match[1]))
        rest = rest[match.end() :]
    return found


def _unescape(name: str, text: str) -> bytes:
    def byte(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if len(code) == 1:
            return code
        if int(code) > 255:
            raise ZoneInvalid(
                N_("The TXT record of %(name)s has the escape \\%(code)s.", name=name, code=code.decode()),
                code="record_invalid",
            )
        return bytes([int(code)])

    return re.sub(rb"\\([0-9]{3}|.)", byte, text.encode())


def _quoted(strings: list[bytes]) -> str:
    pieces = [part[at : at + _STRING_BYTES] for part in strings for at in range(0, max(len(part), 1), _STRING_BYTES)]
    return " ".join(f'"{"".join(map(_escape, piece))}"' for piece in pieces)


def _escape(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


def _check_ttl(record: DnsRecord) -> None:
    if not MIN_TTL <= record.ttl <= MAX_TTL:
        hint = N_("Use %(least)s seconds to %(most)s seconds (28 days).", least=MIN_TTL, most=MAX_TTL)
        raise ZoneInvalid(
            N_("A TTL of %(ttl)s is out of range.", ttl=record.ttl), code="ttl_out_of_range", hint=hint, record=record
        )


def _check_owner(record: DnsRecord, zone: str) -> None:
    below = record.name[: -len(zone)]
    if record.type in _HOST_TYPES and "_" in below:
        hint = N_("Underscores belong to service names, as in TXT, SRV, TLSA and CNAME records.")
        detail = N_("%(name)s holds an underscore, so no host can have it as its name.", name=record.name)
        raise ZoneInvalid(detail, code="underscore_misplaced", hint=hint, record=record)
    if record.type in ("SRV", "TLSA") and not _SERVICE.fullmatch(record.name.removeprefix("*.")):
        hint = N_("Its name starts with two labels with underscores, for example _sip._tcp (RFC 2782, RFC 6698).")
        raise ZoneInvalid(
            N_("%(name)s is not a service name.", name=record.name), code="underscore_missing", hint=hint, record=record
        )
    if record.type in ("NS", "DS") and record.name.startswith("*"):
        detail = N_("A wildcard %(type)s record means nothing.", type=record.type)
        raise ZoneInvalid(
            detail, code="wildcard_misplaced", hint=N_("Delegate names one by one (RFC 4592 §4.2)."), record=record
        )


def _check_target(record: DnsRecord) -> None:
    if (target := target_of(record)) is None or target in ("", "."):
        return
    if _ADDRESS.fullmatch(target):
        hint = N_("Name a host here, and give that host an A or AAAA record.")
        detail = N_("The %(type)s record of %(name)s points to an address.", type=record.type, name=record.name)
        raise ZoneInvalid(detail, code="target_is_address", hint=hint, record=record)
    label = HOST_LABEL if record.type in HOST_TARGETS else LABEL
    if len(target) > 253 or not all(map(label.fullmatch, target.split("."))):
        detail = N_(
            "The %(type)s record of %(name)s points to %(target)s, which is no host name.",
            type=record.type,
            name=record.name,
            target=repr(target),
        )
        raise ZoneInvalid(detail, code="target_invalid", record=record)


def target_of(record: DnsRecord) -> str | None:
    """The name that a canonical record points to, without trailing dot ("" for the root), or None."""
    place = _TARGET_WORD.get(record.type)
    return None if place is None else record.content.split(" ")[place].removesuffix(".")
