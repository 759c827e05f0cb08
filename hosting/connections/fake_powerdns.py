"""PowerDNS of a fake node: its zones as the HTTP API keeps them, and DNS answers from them."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from hosting.connections.agent.wire import Refused
from hosting.connections.base import Http, Reply, Run

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

UNIT = "pdns.service"
_ZONES = "/api/v1/servers/localhost/zones"
Json = dict[str, Any]


class FakePowerDns:
    """Zones by name (with trailing dot), each as the API's JSON."""

    def __init__(self, node: "FakeNode") -> None:
        self._node = node
        self.zones: dict[str, Json] = {}
        #: Zones whose secondaries were told of a change, in order.
        self.notified: list[str] = []
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "pdns_server": lambda words, run: Reply(),
            "pdns_control": lambda words, run: Reply(),
        }

    def api(self, request: Http) -> Reply:
        """One request to the API.

        Raises:
            Refused: the server does not run.
        """
        if not self._node.system.running(UNIT):
            raise Refused("http_failed", f"{request.method} {request.url}: Connection refused")
        path = request.url.split("//", 1)[1].partition("/")[2].partition("?")[0]
        name = f"/{path}".removeprefix(_ZONES).strip("/")
        body = json.loads(request.body) if request.body else {}
        if not f"/{path}".startswith(_ZONES):
            return _reply(200, {"type": "Server", "id": "localhost"})
        if not name:
            return self._all(request.method, body)
        name, _slash, part = name.partition("/")
        if name not in self.zones:
            return _reply(404, {"error": f"Could not find domain '{name}'"})
        if part.startswith("cryptokeys"):
            return self._keys(request.method, self.zones[name], part.partition("/")[2], body)
        if part == "notify":
            self.notified.append(name)
            return _reply(200, {"result": "Notification queued"})
        if part == "rectify":
            return _reply(200, {"result": "Rectified"})
        return self._one(request.method, name, body)

    def lookup(self, name: str, type: str) -> set[str]:
        """Contents of the records that answer a question; of an alias in the same zone, those of its target too."""
        found = self._records(_dotted(name), type)
        if found or type == "CNAME":
            return found
        targets = self._records(_dotted(name), "CNAME")
        return targets | {content for target in targets for content in self._records(target, type)}

    def answer(self, question: bytes) -> bytes:
        """A DNS message in answer to another.

        Raises:
            Refused: the server does not run (nothing comes back).
        """
        if not self._node.system.running(UNIT):
            raise Refused("tcp_failed", "port 53: no answer in time")
        query = dns.message.from_wire(question)
        asked = query.question[0]
        name, type = asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)
        reply = dns.message.make_response(query)
        if self._zone_of(name) is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return reply.to_wire()
        reply.flags |= dns.flags.AA
        if self._is_signed(name) and query.ednsflags & dns.flags.DO:
            text = f"{type} 13 2 300 20380101000000 20260101000000 1 {name} AAAA"
            reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", "RRSIG", text))
        if contents := self._records(name, type):
            reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", type, *sorted(contents)))
        return reply.to_wire(max_size=65535)

    def _all(self, method: str, body: Json) -> Reply:
        if method == "GET":
            shown = ("name", "account", "kind")
            return _reply(200, [{key: zone[key] for key in shown} for zone in self.zones.values()])
        if body["name"] in self.zones:
            return _reply(409, {"error": "Conflict"})
        sets = {(found["name"], found["type"]): found for found in body["rrsets"]}
        self.zones[body["name"]] = {
            "name": body["name"],
            "account": body.get("account", ""),
            "kind": body["kind"],
            "soa_edit_api": body.get("soa_edit_api", "DEFAULT"),
            "dnssec": False,
            "nsec3param": "",
            "api_rectify": False,
            "catalog": body.get("catalog", ""),
            "master_tsig_key_ids": body.get("master_tsig_key_ids", []),
            "sets": sets,
            "keys": {},
        }
        self._raise_serial(self.zones[body["name"]])
        return _reply(201, {"name": body["name"]})

    def _one(self, method: str, name: str, body: Json) -> Reply:
        zone = self.zones[name]
        if method == "GET":
            shown = {key: value for key, value in zone.items() if key not in ("sets", "keys")}
            return _reply(200, shown | {"rrsets": list(zone["sets"].values())})
        if method == "DELETE":
            del self.zones[name]
        elif method == "PUT":
            zone.update(body)
            if body.get("dnssec") is False:
                zone.update(keys={}, nsec3param="")
        else:
            return self._patch(zone, body["rrsets"])
        return Reply(status=204)

    def _keys(self, method: str, zone: Json, number: str, body: Json) -> Reply:
        """Keys of a zone: their list, one with its private part, or one more, made or given."""
        if method == "GET":
            return _reply(200, zone["keys"][int(number)] if number else [{"id": n} for n in zone["keys"]])
        private = body.get("privatekey") or secrets.token_hex(16)
        facts = {word: body[word] for word in ("keytype", "active", "published")}
        key = facts | {"id": len(zone["keys"]) + 1, "privatekey": private}
        zone["keys"][key["id"]], zone["dnssec"] = key, True
        return _reply(201, key)

    def _is_signed(self, name: str) -> bool:
        zone = self._zone_of(name)
        return zone is not None and bool(zone["dnssec"])

    def _patch(self, zone: Json, changes: list[Json]) -> Reply:
        """All changes in their order, or none: an alias beside what is (still) there is refused, as by the real one."""
        sets = dict(zone["sets"])
        for change in changes:
            key = (change["name"], change["type"])
            sets.pop(key, None)
            if change["changetype"] != "REPLACE":
                continue
            others = {kind for name, kind in sets if name == key[0]}
            if others and "CNAME" in (*others, key[1]):
                return _reply(422, {"error": f"RRset {key[0]} IN {key[1]}: Conflicts with pre-existing RRset"})
            sets[key] = {word: value for word, value in change.items() if word != "changetype"}
        zone["sets"] = sets
        self._raise_serial(zone)
        return Reply(status=204)

    def _raise_serial(self, zone: Json) -> None:
        soa = zone["sets"][zone["name"], "SOA"]["records"][0]
        words = soa["content"].split()
        words[2] = str(int(words[2]) + 1)
        soa["content"] = " ".join(words)

    def _zone_of(self, name: str) -> Json | None:
        while name:
            if name in self.zones:
                return self.zones[name]
            name = name.partition(".")[2]
        return None

    def _records(self, name: str, type: str) -> set[str]:
        zone = self._zone_of(name)
        if zone is None:
            return set()
        if type == "DNSKEY" and name == zone["name"]:
            return {f"257 3 13 {_public(key['privatekey'])}" for key in zone["keys"].values()}
        names = {key[0] for key in zone["sets"]}
        wildcard = f"*.{name.partition('.')[2]}"
        found = zone["sets"].get((name if name in names else wildcard, type), {"records": []})
        return {record["content"] for record in found["records"] if not record.get("disabled")}


def _public(private: str) -> str:
    """The public part of a pretended key: 64 bytes that depend on the private one."""
    return base64.b64encode(hashlib.sha512(private.encode()).digest()).decode()


def _dotted(name: str) -> str:
    return name.lower() if name.endswith(".") else f"{name.lower()}."


def _reply(status: int, body: object) -> Reply:
    return Reply(status=status, stdout=json.dumps(body).encode())
