"""PowerDNS on a real node: the contract, what a resolver gets, serials, strangers' zones and hand-made changes."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.adapters.powerdns import setup
from hosting.connections.base import Connection, Context, Http, perform
from hosting.errors import ConfigurationInvalid, HostingError, ProbeFailed
from hosting.state import Change, DnsRecord, DnsZone, NodeFile, plan, state_of
from hosting.state.zones import ZoneInvalid, canonical_record
from tests.contract.contract import Case, SetUp, carry_out, check_contract, new_context
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
OWNER = "dnscontract"
NAME = "contract.test"
#: One of each type, with everything that name servers write in more than one way.
RECORDS = (
    ("@", "A", "192.0.2.1"),
    ("@", "A", "192.0.2.2"),
    ("@", "AAAA", "2001:DB8:0:0::1"),
    ("@", "CAA", "0 issue letsencrypt.org"),
    ("@", "HTTPS", "1 . alpn=h2,h3 ipv4hint=192.0.2.1"),
    ("@", "MX", "10 Mail"),
    ("@", "TXT", "v=spf1 mx -all"),
    ("@", "TXT", 'quotes " and \\ and ö and ; and ' + "y" * 600),
    ("*", "A", "192.0.2.9"),
    ("mail", "A", "192.0.2.3"),
    ("mail", "SSHFP", "1 1 " + "AB" * 20),
    ("numbers", "NAPTR", '100 10 "u" "E2U+sip" "!^.*$!sip:x@y.test!" .'),
    ("pointer", "PTR", "host.other.test"),
    ("service", "SVCB", "1 svc.other.test. port=53"),
    ("sub", "DS", "1 8 2 " + "AB" * 32),
    ("sub", "NS", "ns.other.test"),
    ("www", "CNAME", "@"),
    ("_443._tcp", "TLSA", "3 1 1 " + "AB" * 32),
    ("_sip._tcp", "SRV", "1 2 5060 Sip.Other.test"),
    ("xn--bcher-kva", "TXT", '"one" "two"'),
)


def zone(*records: tuple[str, str, str], name: str = NAME, ttl: int = 300, **more: object) -> DnsZone:
    usual = (("@", "NS", "ns1.npanel.test"), ("@", "NS", "ns2.npanel.test"))
    made = sorted(canonical_record(*record, ttl, name) for record in (*usual, *records))
    return DnsZone(OWNER, name, "ns1.npanel.test", "hostmaster.npanel.test", tuple(made), **more)  # type: ignore[arg-type]


FULL = zone(*RECORDS)
SIMPLE = zone(("@", "A", "192.0.2.1"), ("www", "CNAME", "@"))


@pytest.fixture(scope="module")
def facts(set_up: SetUp) -> NodeFacts:
    return set_up("powerdns")


@pytest.fixture
def served(connection: Connection, facts: NodeFacts) -> Iterator[DnsZone]:
    """SIMPLE, served for the time of a test."""
    carry_out(connection, plan({}, state_of([SIMPLE])), Context())
    yield SIMPLE
    found = observe(connection, facts)
    carry_out(connection, plan(state_of(filter(None, [found])), {}), Context())


def api(connection: Connection, method: str, path: str, body: object = None) -> str:
    """The name server's API as somebody with its key uses it by hand."""
    url = f"http://127.0.0.1:8081/api/v1/servers/localhost/zones{path}"
    data = b"" if body is None else json.dumps(body).encode()
    (reply,) = connection.batch([Http(method, url, header_files=(("X-API-Key", setup.KEY_FILE),), body=data)])
    assert not isinstance(reply, HostingError) and reply.status < 400, reply
    return reply.text


def resolve(node: Node, name: str, type: str) -> dns.message.Message:
    """Ask the node's name server from outside."""
    return dns.query.udp_with_fallback(dns.message.make_query(name, type), node.address, timeout=20)[0]


def texts(node: Node, name: str, type: str) -> set[str]:
    answer = resolve(node, name, type)
    return {item.to_text() for found in answer.answer for item in found}


def serial(node: Node, name: str = NAME) -> int:
    return int(next(iter(texts(node, name, "SOA"))).split()[2])


def apply(connection: Connection, before: DnsZone | None, after: DnsZone | None) -> None:
    carry_out(connection, plan(state_of(filter(None, [before])), state_of(filter(None, [after]))))


def observe(connection: Connection, facts: NodeFacts, name: str = NAME) -> DnsZone | None:
    found = perform(
        connection, adapters()["powerdns"].observe(Scope(facts, refs=frozenset([replace(FULL, name=name).ref])))
    )
    return next((zone for zone in found if isinstance(zone, DnsZone)), None)


def evidence(connection: Connection) -> object:
    """All of the zone but its serial."""
    if NAME not in api(connection, "GET", ""):
        return None
    data = json.loads(api(connection, "GET", f"/{NAME}."))
    sets = {(found["name"], found["type"]): found for found in data["rrsets"]}
    soa = sets[f"{NAME}.", "SOA"]["records"][0]
    soa["content"] = [word for place, word in enumerate(soa["content"].split()) if place != 2]
    return [data["kind"], data["account"], sorted((str(key), str(value)) for key, value in sets.items())]


def test_it_keeps_the_contract(node: Node, connection: Connection, facts: NodeFacts) -> None:
    check_contract(
        Case(
            adapters()["powerdns"],
            connection,
            node,
            facts,
            desired=(FULL, replace(zone(("@", "A", "192.0.2.7"), name="second.contract.test"), signed=True)),
            updated=(
                zone(("@", "A", "192.0.2.5"), ("new", "TXT", "hi"), ttl=60, minimum=600),
                zone(name="second.contract.test"),
            ),
            evidence=lambda: evidence(connection),
        )
    )


def test_a_resolver_gets_every_record(node: Node, connection: Connection, facts: NodeFacts) -> None:
    apply(connection, None, FULL)
    for record in FULL.records:
        answer = resolve(node, record.name.replace("*", "anything"), record.type)
        if record.name == f"sub.{NAME}":
            assert not answer.flags & dns.flags.AA or record.type == "DS"
            continue
        assert answer.flags & dns.flags.AA
        found = texts(node, record.name.replace("*", "anything"), record.type)
        assert canonical_texts(found, record) >= {record.content}
    assert resolve(node, "other.test", "A").rcode() == dns.rcode.REFUSED
    apply(connection, FULL, None)
    assert resolve(node, NAME, "SOA").rcode() == dns.rcode.REFUSED


def canonical_texts(found: set[str], record: DnsRecord) -> set[str]:
    return {canonical_record(record.name, record.type, text, record.ttl, NAME).content for text in found}


def test_the_serial_rises_with_each_change_and_only_then(node: Node, connection: Connection, served: DnsZone) -> None:
    serials = [serial(node)]
    states = [
        served,
        replace(served, minimum=900),
        zone(("@", "A", "192.0.2.8")),
        replace(served, refresh=7200),
        served,
    ]
    for before, after in itertools.pairwise(states):
        apply(connection, before, after)
        serials.append(serial(node))
        apply(connection, before, after)
        assert serial(node) == serials[-1], "the same change again is no change"
    assert serials == sorted(set(serials))


def test_a_new_zone_is_served_at_once(node: Node, connection: Connection, facts: NodeFacts) -> None:
    for name in (NAME, f"www.{NAME}"):
        assert resolve(node, name, "A").rcode() == dns.rcode.REFUSED
    apply(connection, None, SIMPLE)
    assert texts(node, NAME, "A") == {"192.0.2.1"}
    assert "192.0.2.1" in texts(node, f"www.{NAME}", "A")
    apply(connection, SIMPLE, None)
    assert resolve(node, NAME, "A").rcode() == dns.rcode.REFUSED


def test_a_change_is_served_at_once(node: Node, connection: Connection, served: DnsZone) -> None:
    assert texts(node, f"new.{NAME}", "A") == set()
    more = zone(("@", "A", "192.0.2.1"), ("www", "CNAME", "@"), ("new", "A", "192.0.2.77"))
    apply(connection, served, more)
    assert texts(node, f"new.{NAME}", "A") == {"192.0.2.77"}
    apply(connection, more, served)
    assert resolve(node, f"new.{NAME}", "A").rcode() == dns.rcode.NXDOMAIN


def test_an_address_becomes_an_alias_in_one_change_and_back(
    node: Node, connection: Connection, served: DnsZone
) -> None:
    """The API works in order and refuses an alias beside what is still there, so what goes has to go first."""
    alias = zone(("@", "A", "192.0.2.1"), ("www", "A", "192.0.2.5"), ("new", "CNAME", "www"))
    other = zone(("@", "A", "192.0.2.1"), ("www", "CNAME", "new"), ("new", "A", "192.0.2.6"))
    for before, after in itertools.pairwise((served, alias, other, served)):
        apply(connection, before, after)
    assert texts(node, f"www.{NAME}", "CNAME") == {f"{NAME}."}


def probed_ds(connection: Connection, facts: NodeFacts, found: DnsZone) -> list[str]:
    """The DS records that a probe of a zone tells."""
    told = perform(connection, adapters()["powerdns"].probe(found, facts))
    return [part.removeprefix("DS ") for part in told.split("; ") if part.startswith("DS ")]


def delv(node: Node, ds: str, name: str, kind: str, folder: Path) -> str:
    """What a validating resolver says that trusts the zone's DS record and nothing else."""
    tag, algorithm, digest_type, digest = ds.split()
    anchor = folder / "anchor.conf"
    anchor.write_text(f'trust-anchors {{ {NAME}. static-ds {tag} {algorithm} {digest_type} "{digest}"; }};\n')
    argv = ("delv", f"@{node.address}", "-a", str(anchor), f"+root={NAME}", name, kind)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_a_signed_zone_validates_and_its_changes_do_too(
    node: Node, connection: Connection, facts: NodeFacts, served: DnsZone, tmp_path: Path
) -> None:
    signed = replace(served, signed=True)
    apply(connection, served, signed)
    assert observe(connection, facts) == signed
    (ds,) = probed_ds(connection, facts, signed)
    assert ds.split()[1] == "13"
    apply(connection, signed, signed)
    assert probed_ds(connection, facts, signed) == [ds], "the same change again makes no other key"
    assert "; fully validated" in delv(node, ds, NAME, "A", tmp_path)
    assert "; negative response, fully validated" in delv(node, ds, f"nothing.{NAME}", "A", tmp_path)
    more = replace(zone(("@", "A", "192.0.2.1"), ("www", "CNAME", "@"), ("new", "A", "192.0.2.77")), signed=True)
    apply(connection, signed, more)
    assert "; fully validated" in delv(node, ds, f"new.{NAME}", "A", tmp_path)
    wrong = ds[:-4] + ("0000" if ds[-4:] != "0000" else "1111")
    assert "; fully validated" not in delv(node, wrong, NAME, "A", tmp_path)
    apply(connection, more, served)
    assert observe(connection, facts) == served and not texts(node, NAME, "DNSKEY")
    assert "nsec3param" not in (observe(connection, facts) or served).edited


def test_keys_come_back_with_what_was_removed(
    node: Node, connection: Connection, facts: NodeFacts, served: DnsZone
) -> None:
    """Taken back, a removal leaves the very keys that the parent zone's DS record names."""
    adapter, signed = adapters()["powerdns"], replace(served, signed=True)
    apply(connection, served, signed)
    ds = probed_ds(connection, facts, signed)
    for gone in (None, served):
        context = new_context()
        perform(connection, adapter.apply(Change(*signed.ref, signed, gone), context), context=context)
        assert not texts(node, NAME, "DNSKEY")
        found = node.exec(["find", "/var/lib/npanel/removed", "-name", "*.keys", "-printf", "%m %u\\n"], check=True)
        assert "600 root" in found.stdout and "644" not in found.stdout
        perform(connection, adapter.apply(Change(*signed.ref, gone, signed), context), context=context)
        assert probed_ds(connection, facts, signed) == ds
    apply(connection, signed, served)
    apply(connection, served, signed)
    assert probed_ds(connection, facts, signed) != ds, "another operation makes another key"


def test_a_signed_zone_that_somebody_set_otherwise_is_seen_and_set_right(
    connection: Connection, facts: NodeFacts, served: DnsZone
) -> None:
    signed = replace(served, signed=True)
    apply(connection, served, signed)
    api(connection, "PUT", f"/{NAME}.", {"api_rectify": False})
    found = observe(connection, facts)
    assert found is not None and found.edited == "api_rectify=False"
    apply(connection, found, signed)
    assert observe(connection, facts) == signed


@pytest.mark.parametrize("account", ["somebody", ""])
def test_a_zone_of_somebody_elses_is_refused(connection: Connection, facts: NodeFacts, account: str) -> None:
    theirs = {"name": f"{NAME}.", "kind": "Native", "account": account, "nameservers": ["ns.other.test."]}
    api(connection, "POST", "", theirs)
    before = api(connection, "GET", f"/{NAME}.")
    for sides in ((None, SIMPLE), (SIMPLE, zone(("@", "A", "192.0.2.8"))), (SIMPLE, None)):
        with pytest.raises(HostingError) as caught:
            perform(connection, adapters()["powerdns"].apply(Change(*SIMPLE.ref, *sides), new_context()))
        assert caught.value.code == "zone_taken" and NAME in caught.value.detail
    assert api(connection, "GET", f"/{NAME}.") == before
    seen = perform(connection, adapters()["powerdns"].observe(Scope(facts)))
    assert [found.owner for found in seen if isinstance(found, DnsZone)] == ([account] if account else [])
    api(connection, "DELETE", f"/{NAME}.")


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", {"kind": "Master"}),
        ("PUT", {"soa_edit_api": "EPOCH"}),
        ("PATCH", [f"extra.{NAME}.", "A", [("192.0.2.9", False)]]),
        ("PATCH", [f"{NAME}.", "A", [("192.0.2.1", True)]]),
        ("PATCH", [f"{NAME}.", "A", [("192.0.2.1", False), ("192.0.2.2", True)]]),
        ("PATCH", [f"alias.{NAME}.", "ALIAS", [("other.test.", False)]]),
        ("PATCH", [f"{NAME}.", "SOA", [("ns9.npanel.test. hostmaster.npanel.test. 7 10800 3600 604800 3600", False)]]),
    ],
)
def test_what_somebody_changes_by_hand_is_seen_and_taken_back(
    node: Node, connection: Connection, facts: NodeFacts, served: DnsZone, method: str, body: object
) -> None:
    before = evidence(connection)
    if isinstance(body, list):
        records = [{"content": content, "disabled": disabled} for content, disabled in body[2]]
        change = {"name": body[0], "type": body[1], "ttl": 300, "changetype": "REPLACE", "records": records}
        body = {"rrsets": [change]}
    api(connection, method, f"/{NAME}.", body)
    seen = observe(connection, facts)
    assert seen is not None and seen != served
    apply(connection, seen, served)
    assert observe(connection, facts) == served
    if "EPOCH" not in str(body):
        assert evidence(connection) == before


def test_a_deleted_zone_is_seen_and_made_again(
    node: Node, connection: Connection, facts: NodeFacts, served: DnsZone
) -> None:
    before = serial(node)
    api(connection, "DELETE", f"/{NAME}.")
    assert observe(connection, facts) is None
    with pytest.raises(HostingError) as caught:
        perform(connection, adapters()["powerdns"].apply(Change(*served.ref, SIMPLE, FULL), new_context()))
    assert caught.value.code == "zone_missing"
    apply(connection, None, served)
    assert observe(connection, facts) == served
    assert serial(node) >= before


def test_the_probe_asks_as_a_resolver_does(connection: Connection, facts: NodeFacts, served: DnsZone) -> None:
    powerdns = adapters()["powerdns"]
    assert perform(connection, powerdns.probe(served, facts)).startswith(f"{NAME} SOA serial ")
    for wrong, message in (
        (zone(("@", "A", "192.0.2.8")), "answered"),
        (replace(served, minimum=900), "wrong SOA"),
        (zone(name="nowhere.test"), "REFUSED"),
    ):
        with pytest.raises(ProbeFailed, match=message):
            perform(connection, powerdns.probe(wrong, facts))


def test_a_zone_that_would_not_work_changes_nothing(connection: Connection, facts: NodeFacts, served: DnsZone) -> None:
    broken = zone(("www", "CNAME", "@"), ("www", "A", "192.0.2.1"))
    before = evidence(connection)
    with pytest.raises(ZoneInvalid):
        perform(connection, adapters()["powerdns"].apply(Change(*served.ref, served, broken), new_context()))
    assert evidence(connection) == before


def test_other_files_in_the_distributions_directory_do_not_matter(
    node: Node, connection: Connection, facts: NodeFacts
) -> None:
    """Debian's pdns-backend-bind puts this file there, which would stop a server that launches another backend."""
    path = "/etc/powerdns/pdns.d/bind.conf"
    node.write(path, "launch+=bind\nbind-config=/etc/powerdns/named.conf\n")
    files = state_of(found for found in adapters()["powerdns"].setup(facts) if isinstance(found, NodeFile))
    changes = [Change(*ref, None, file) for ref, file in files.items()]
    perform(connection, adapters()["powerdns"].validate(changes))
    perform(connection, adapters()["powerdns"].activate(changes))
    node.exec(["rm", path], check=True)


def test_a_configuration_that_the_server_refuses_is_named(connection: Connection, facts: NodeFacts) -> None:
    file = next(
        f for f in adapters()["powerdns"].setup(facts) if isinstance(f, NodeFile) and f.path == setup.CONFIGURATION
    )
    broken = replace(file, content=f"{file.content}frobnicate=yes\n")
    with pytest.raises(ConfigurationInvalid, match="frobnicate") as caught:
        carry_out(connection, plan(state_of([file]), state_of([broken])))
    assert caught.value.path == file.path
    carry_out(connection, plan(state_of([broken]), state_of([file])))


def test_the_key_is_readable_by_the_server_and_root_only(node: Node, facts: NodeFacts) -> None:
    paths = [setup.KEY_FILE, setup.CONFIGURATION, setup.DATABASE]
    assert node.exec(["stat", "-c", "%a %U %G", *paths], check=True).stdout.splitlines() == [
        "600 root root",
        "640 root pdns",
        "600 pdns pdns",
    ]
    without = node.exec(["curl", "-s", "http://127.0.0.1:8081/api/v1/servers/localhost/zones"]).stdout
    assert "Unauthorized" in without or not without


def test_it_takes_few_rounds(connection: Connection, facts: NodeFacts) -> None:
    powerdns = adapters()["powerdns"]
    before = connection.round_trips
    apply(connection, None, SIMPLE)
    perform(connection, powerdns.observe(Scope(facts, refs=frozenset([SIMPLE.ref]))))
    perform(connection, powerdns.probe(SIMPLE, facts))
    assert connection.round_trips - before == 3
    apply(connection, SIMPLE, None)
