"""Zones between NPanel's Resources and the JSON of PowerDNS's HTTP API (https://doc.powerdns.com/authoritative/http-api/)."""

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hosting.errors import HostingError
from hosting.state import DnsRecord, DnsZone
from hosting.state.zones import canonical_record

#: What NPanel's zones are beside their records. INCREASE: the API raises the serial by one with every change.
SETTINGS = {"kind": "Native", "soa_edit_api": "INCREASE"}
#: And while they are signed: hashed names without salt or rounds (RFC 9276), kept in order by the API.
_SIGNED_SETTINGS = {"nsec3param": "1 0 0 -", "api_rectify": True}
#: And while secondaries fetch what is signed: a serial that rises each week with the signatures, so that they fetch the
#: new ones before the old run out.
_SIGNED_FOR_OTHERS = {"soa_edit": "INCEPTION-EPOCH"}

Json = dict[str, Any]
_Sets = dict[tuple[str, str], tuple[int, frozenset[str]]]


def to_zone(data: Json) -> DnsZone:
    """A zone as the API tells it, records in canonical form; what is no usual record is kept as it is."""
    name = data["name"].removesuffix(".")
    records = [record for found in data["rrsets"] if found["type"] != "SOA" for record in _records(found, name)]
    primary, hostmaster, _, *timers = soa_words(data) or ["", "", "0", "0", "0", "0", "0"]
    refresh, retry, expire, minimum = map(int, timers)
    return DnsZone(
        owner=data["account"],
        name=name,
        primary=primary.removesuffix("."),
        hostmaster=hostmaster.removesuffix("."),
        records=tuple(sorted(records)),
        refresh=refresh,
        retry=retry,
        expire=expire,
        minimum=minimum,
        edited=", ".join([*changed_settings(data), *_disabled(data)]),
        signed=is_signed(data),
        catalog=str(data.get("catalog") or "").removesuffix("."),
        transfers=tuple(sorted(name.removesuffix(".") for name in data.get("master_tsig_key_ids") or ())),
    )


def is_signed(data: Json) -> bool:
    """Whether the zone has keys and is signed with them."""
    return bool(data.get("dnssec"))


def is_shared(data: Json) -> bool:
    """Whether any secondary may fetch the zone."""
    return bool(data.get("master_tsig_key_ids"))


def settings(*, signed: bool, shared: bool = False) -> Json:
    """What a zone is to be beside its records; ``shared`` with secondaries, which are told of changes."""
    if not signed:
        return SETTINGS | ({"kind": "Master"} if shared else {})
    return SETTINGS | _SIGNED_SETTINGS | (_SIGNED_FOR_OTHERS | {"kind": "Master"} if shared else {})


def sharing(zone: DnsZone) -> Json:
    """Who may fetch a zone, and where it is listed for them."""
    if not zone.transfers:
        return {"catalog": "", "master_tsig_key_ids": []}
    return {"catalog": f"{zone.catalog}.", "master_tsig_key_ids": [f"{name}." for name in zone.transfers]}


def is_shared_otherwise(data: Json, zone: DnsZone) -> bool:
    """Whether others may fetch the current zone than are to."""
    current = to_zone(data)
    return (current.catalog, current.transfers) != (zone.catalog, zone.transfers)


def changed_settings(data: Json) -> list[str]:
    """What somebody set other than :func:`settings`, as ``name=value``."""
    wanted = settings(signed=is_signed(data), shared=is_shared(data))
    return [f"{key}={data.get(key)}" for key, value in wanted.items() if data.get(key) != value]


def creation(zone: DnsZone) -> Json:
    """The body that makes a zone, with a serial above those of any earlier zone of this name: seconds since 1970."""
    sets = [_set(key, value) for key, value in _wanted(zone).items()]
    soa = _soa(zone, int(time.time()))
    named = {"name": f"{zone.name}.", "account": zone.owner, "nameservers": [], "rrsets": [soa, *sets]}
    shared = sharing(zone) if zone.transfers else {}
    return named | settings(signed=False, shared=bool(zone.transfers)) | shared


def differences(current: Json, zone: DnsZone) -> list[Json]:
    """The record sets to delete or replace so that the current zone becomes the wanted one.

    What goes comes first: the API works in order, and refuses an alias beside what is still there. The serial of a
    signed zone with secondaries rises at least to the time of now: as they see it, it rises by itself with the time.
    """
    have, want = _present(current), _wanted(zone)
    changes = [_named(key) | {"changetype": "DELETE"} for key in have if key not in want]
    changes += [_set(key, value) | {"changetype": "REPLACE"} for key, value in want.items() if have.get(key) != value]
    words = soa_words(current)
    by_time, wanted = zone.signed and zone.transfers, _soa_words(zone, 0)
    if (changes and by_time) or words is None or words[:2] + words[3:] != wanted[:2] + wanted[3:]:
        serial = int(words[2]) if words else 0
        serial = max(serial, int(time.time()) - 1) if by_time or not serial else serial
        changes.append(_soa(zone, serial) | {"changetype": "REPLACE"})
    return changes


def raised(current: Json) -> list[Json]:
    """What gives the zone's SOA record a serial of now at least, and leaves the rest of it."""
    words = soa_words(current)
    if words is None:
        return []
    words[2] = str(max(int(words[2]), int(time.time()) - 1))
    name = current["name"].removesuffix(".")
    ttl = next(found["ttl"] for found in current["rrsets"] if found["type"] == "SOA")
    return [_set((name, "SOA"), (ttl, frozenset([" ".join(words)]))) | {"changetype": "REPLACE"}]


def soa_words(data: Json) -> list[str] | None:
    """The seven words of the zone's SOA record, or None if it has none."""
    for found in data["rrsets"]:
        if found["type"] == "SOA" and found["records"] and len(words := found["records"][0]["content"].split()) == 7:
            return [str(word) for word in words]
    return None


def _disabled(data: Json) -> list[str]:
    """Sets with records that are there but not served; NPanel makes none."""
    return [f"disabled={found['name']}{found['type']}" for found in data["rrsets"] if _is_part(found)]


def _is_part(found: Json) -> bool:
    return any(item.get("disabled") for item in found["records"])


def _records(found: Json, zone: str) -> list[DnsRecord]:
    return [_record(found, item["content"], zone) for item in found["records"] if not item.get("disabled")]


def _record(found: Json, content: str, zone: str) -> DnsRecord:
    name = found["name"].removesuffix(".")
    try:
        return canonical_record(found["name"], found["type"], content, found["ttl"], zone)
    except HostingError:
        # Not written by NPanel: it has to be seen as it is, so that the plan shows it.
        return DnsRecord(name, found["type"], content, found["ttl"])


def _present(data: Json) -> _Sets:
    """The current sets, a set with disabled or doubtful records as one that equals nothing wanted."""
    zone = data["name"].removesuffix(".")
    sets: _Sets = {}
    for found in data["rrsets"]:
        if found["type"] != "SOA":
            contents = frozenset() if _is_part(found) else frozenset(r.content for r in _records(found, zone))
            sets[found["name"].removesuffix("."), found["type"]] = (found["ttl"], contents)
    return sets


def _wanted(zone: DnsZone) -> _Sets:
    contents: Mapping[tuple[str, str], set[str]] = defaultdict(set)
    ttls: dict[tuple[str, str], int] = {}
    for record in zone.records:
        contents[record.name, record.type].add(record.content)
        ttls[record.name, record.type] = record.ttl
    return {key: (ttls[key], frozenset(found)) for key, found in contents.items()}


def _named(key: tuple[str, str]) -> Json:
    return {"name": f"{key[0]}.", "type": key[1]}


def _set(key: tuple[str, str], value: tuple[int, frozenset[str]]) -> Json:
    records = [{"content": content, "disabled": False} for content in sorted(value[1])]
    return _named(key) | {"ttl": value[0], "records": records}


def _soa_words(zone: DnsZone, serial: int) -> list[str]:
    timers = (serial, zone.refresh, zone.retry, zone.expire, zone.minimum)
    return [f"{zone.primary}.", f"{zone.hostmaster}.", *map(str, timers)]


def _soa(zone: DnsZone, serial: int) -> Json:
    return _set((zone.name, "SOA"), (zone.minimum, frozenset([" ".join(_soa_words(zone, serial))])))
