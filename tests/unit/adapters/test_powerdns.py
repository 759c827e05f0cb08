"""Zones to the name server's API and back, its setup, and answers that are not what was promised."""

import time
from collections.abc import Callable
from dataclasses import replace

import dns.flags
import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.adapters.base import NodeFacts, Scope
from hosting.adapters.powerdns import PowerDns, questions, setup
from hosting.connections.base import Context, Http, Reply, Tcp, perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import HostingError, ProbeFailed, UnsafeValue
from hosting.state import Change, DaemonUnit, DnsZone, NodeFile, Resource
from hosting.state.zones import ZoneInvalid, canonical_record

FACTS = NodeFacts("fake", "fake.test", "192.0.2.1", ("192.0.2.1", "2001:db8::1"), secrets={"powerdns_api_key": "k3y"})
#: Any subset of these is a zone that works.
CHOICES = [
    canonical_record(*record, "a.test")
    for record in (
        ("@", "A", "192.0.2.1", 300),
        ("@", "A", "192.0.2.2", 300),
        ("@", "TXT", "one " + "x" * 300, 60),
        ("@", "TXT", 'two "quoted" \\ ö', 60),
        ("@", "MX", "10 mail.other.test", 300),
        ("*", "A", "192.0.2.9", 300),
        ("deep.er", "AAAA", "2001:db8::1", 300),
        ("www", "CNAME", "@", 300),
        ("_sip._tcp", "SRV", "1 2 3 sip.other.test", 300),
    )
]
NAMESERVER = canonical_record("@", "NS", "ns1.host.test", 3600, "a.test")
zones = st.builds(
    lambda records, minimum: DnsZone(
        "al", "a.test", "ns1.host.test", "hostmaster.host.test", tuple(sorted([NAMESERVER, *records])), minimum=minimum
    ),
    st.lists(st.sampled_from(CHOICES), unique=True),
    st.sampled_from((300, 3600)),
)
ZONE = DnsZone("al", "a.test", "ns1.host.test", "hostmaster.host.test", tuple(sorted([NAMESERVER, CHOICES[0]])))


def apply(node: FakeNode, before: DnsZone | None, after: DnsZone | None) -> None:
    zone = after or before
    assert zone is not None
    perform(node, PowerDns().apply(Change(*zone.ref, before, after), Context()))


def observe(node: FakeNode, **limits: object) -> list[Resource]:
    return list(perform(node, PowerDns().observe(Scope(FACTS, **limits))))  # type: ignore[arg-type]


def serial(node: FakeNode) -> int:
    return int(next(iter(node.resolve("a.test", "SOA"))).split()[2])


@settings(deadline=None, max_examples=40)
@given(zones, zones)
def test_any_zone_becomes_any_other_and_back(one: DnsZone, other: DnsZone) -> None:
    node = FakeNode()
    apply(node, None, one)
    assert observe(node, owner="al") == [one]
    made = serial(node)
    apply(node, one, other)
    assert observe(node, refs=frozenset([one.ref])) == [other]
    changed = serial(node)
    assert (changed > made) == (one != other)
    apply(node, other, one)
    assert observe(node) == [one]
    apply(node, one, None)
    assert observe(node) == []


def test_a_change_of_one_record_sends_one_set() -> None:
    node = FakeNode()
    apply(node, None, ZONE)
    apply(node, ZONE, replace(ZONE, records=tuple(sorted([*ZONE.records, CHOICES[5]]))))
    (_, request) = node.requests[-1]
    assert isinstance(request, Http) and request.method == "PATCH"
    assert b"*.a.test." in request.body and b"ns1" not in request.body and b"SOA" not in request.body


def test_making_a_zone_that_is_there_makes_it_as_wanted() -> None:
    node = FakeNode()
    apply(node, None, replace(ZONE, minimum=900))
    apply(node, None, ZONE)
    assert observe(node) == [ZONE]


def test_secondaries_see_that_a_zone_is_signed_no_more() -> None:
    """As they saw it, its serial rose by the week; one that falls back behind that is never fetched again."""
    node = FakeNode()
    signed = replace(ZONE, signed=True, catalog="web1.npanel.invalid", transfers=("ns2.x.web1.npanel.invalid",))
    apply(node, None, signed)
    kept = node.powerdns.zones["a.test."]
    found = kept["sets"]["a.test.", "SOA"]["records"][0]
    found["content"] = " ".join([*found["content"].split()[:2], "7", *found["content"].split()[3:]])
    now = int(time.time())
    apply(node, signed, replace(signed, signed=False))
    assert (kept["dnssec"], kept["soa_edit"]) == (False, "") and serial(node) >= now
    more = replace(signed, signed=False, minimum=900, records=tuple(sorted([*ZONE.records, CHOICES[5]])))
    before = serial(node)
    apply(node, replace(signed, signed=False), more)
    assert observe(node) == [more] and serial(node) > before
    apply(node, more, replace(signed, signed=True))
    assert kept["soa_edit"] == "INCEPTION-EPOCH" and observe(node) == [signed]


def test_a_zone_that_would_not_work_is_not_sent() -> None:
    node = FakeNode()
    with pytest.raises(ZoneInvalid):
        apply(node, None, replace(ZONE, records=()))
    with pytest.raises(HostingError):
        apply(node, None, replace(ZONE, owner="no_body"))
    assert not node.requests


def test_zones_without_an_owner_are_not_ours() -> None:
    node = FakeNode()
    apply(node, None, ZONE)
    for account in ("", "Some Body", "x-y"):
        node.powerdns.zones["a.test."]["account"] = account
        assert observe(node) == []


def test_a_server_that_refuses_is_quoted() -> None:
    node = FakeNode()
    answers = {
        "http://127.0.0.1:8081/": lambda fake, http: Reply(status=422, stdout=b'{"error": "RRset: not in zone"}'),
    }
    node.http_handlers |= answers
    with pytest.raises(HostingError, match="422: RRset: not in zone") as caught:
        apply(node, None, ZONE)
    assert caught.value.code == "powerdns_refused" and caught.value.permanent
    node.http_handlers["http://127.0.0.1:8081/"] = lambda fake, http: Reply(status=502, stdout=b"<h1>Bad Gateway</h1>")
    with pytest.raises(HostingError, match="502: <h1>") as caught:
        observe(node)
    assert not caught.value.permanent


def test_the_key_never_crosses_the_wire_with_a_zone() -> None:
    node = FakeNode()
    apply(node, None, ZONE)
    apply(node, ZONE, None)
    calls = [request for _, request in node.requests if isinstance(request, Http)]
    assert calls and all(call.header_files == (("X-API-Key", setup.KEY_FILE),) for call in calls)
    assert not any(name.lower() == "x-api-key" for call in calls for name, _ in call.headers)


def test_the_setup_hides_the_key_and_names_the_addresses() -> None:
    resources = PowerDns().setup(FACTS)
    files = {each.path: each for each in resources if isinstance(each, NodeFile)}
    configuration = files[setup.CONFIGURATION]
    assert "local-address=192.0.2.1, 2001:db8::1\n" in configuration.content
    assert "k3y" not in str(resources) and configuration.secret.value == "k3y" == files[setup.KEY_FILE].secret.value
    assert (configuration.mode, configuration.group, files[setup.KEY_FILE].mode) == (0o640, "pdns", 0o600)
    (unit,) = [each for each in resources if isinstance(each, DaemonUnit)]
    assert set(unit.files) == set(files)


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, addresses=("192.0.2.1\nallow-axfr-ips=0.0.0.0/0",)),
        replace(FACTS, addresses=(), address="node.example"),
        replace(FACTS, secrets={"powerdns_api_key": "a\nlaunch=pipe"}),
    ],
)
def test_a_setup_that_could_be_bent_is_refused(facts: NodeFacts) -> None:
    with pytest.raises(UnsafeValue):
        PowerDns().setup(facts)


def answering(node: FakeNode, *answers: bytes | Exception) -> None:
    left = list(answers)

    def answer(fake: object, request: Tcp) -> Reply:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return Reply(stdout=found)

    node.tcp_handlers["192.0.2.1", 53] = answer


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=600))
def test_any_bytes_are_a_failed_probe_and_no_crash(noise: bytes) -> None:
    node = FakeNode()
    answering(node, noise)
    with pytest.raises(ProbeFailed):
        perform(node, PowerDns().probe(ZONE, FACTS))


def test_an_answer_without_authority_fails() -> None:
    node = FakeNode()
    apply(node, None, ZONE)
    message = dns.message.from_wire(node.powerdns.answer(questions.ask("a.test", "SOA")))
    message.flags &= ~dns.flags.AA
    answering(node, message.to_wire())
    with pytest.raises(ProbeFailed, match="not authoritative"):
        perform(node, PowerDns().probe(ZONE, FACTS))


def test_a_lost_datagram_is_asked_again() -> None:
    node = FakeNode()
    apply(node, None, ZONE)
    node.tcp_handlers["192.0.2.1", 53] = _losing(node)
    assert perform(node, PowerDns().probe(ZONE, FACTS)).startswith("a.test SOA serial ")


def _losing(node: FakeNode) -> Callable[[object, Tcp], Reply]:
    lost: list[bool] = []

    def answer(fake: object, request: Tcp) -> Reply:
        if not lost:
            lost.append(True)
            raise HostingError("no answer in time", code="node_tcp_failed", permanent=False)
        return Reply(stdout=node.powerdns.answer(request.data))

    return answer


def test_a_wildcard_is_asked_by_a_name_below_it() -> None:
    zone = replace(ZONE, records=tuple(sorted([NAMESERVER, CHOICES[5]])))
    assert questions.questions(zone) == [("a.test", "SOA"), ("npanel-probe.a.test", "A")]
    node = FakeNode()
    apply(node, None, zone)
    assert perform(node, PowerDns().probe(zone, FACTS))


def test_a_delegated_name_is_not_asked() -> None:
    records = [canonical_record(*r, "a.test") for r in (("b", "NS", "ns.b", 300), ("ns.b", "A", "192.0.2.1", 300))]
    assert questions.questions(replace(ZONE, records=(*records, NAMESERVER)))[1:] == [("a.test", "NS")]
