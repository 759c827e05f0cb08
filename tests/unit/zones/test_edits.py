"""Zones out and in again, previews that keep their word, many records at once, and undo."""

from typing import Any

import pytest

from audit.models import Event
from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import DnsRecord, Domain, Operation
from hosting.services.dns import add_record
from hosting.services.operations import rollback_operation
from hosting.services.sites import add_domain
from hosting.services.zone_edits import (
    MOST_AT_ONCE,
    edit_zone,
    import_zone_file,
    last_change,
    look_at_import,
    records_as_text,
    zone_file,
)
from tests.factories import make_domain, make_node, make_plan, make_service
from tests.people import operator
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db


def rows(zone: Domain) -> set[tuple[Any, ...]]:
    return set(zone.records.values_list("pk", "name", "type", "content", "ttl"))


def refused(act: Any, **data: Any) -> HostingError:
    """It is refused, and nothing is left of the attempt."""
    before = snapshot(), list(DnsRecord.objects.order_by("pk").values())
    with pytest.raises(HostingError) as refusal:
        act(actor=operator(), **data)
    assert (snapshot(), list(DnsRecord.objects.order_by("pk").values())) == before
    return refusal.value


@pytest.mark.parametrize("nameservers", [["ns1.provider.test", "ns2.provider.test"], []], ids=["shared", "inside"])
def test_import_of_an_exported_zone_changes_nothing(world: World, zone: Domain, nameservers: list[str]) -> None:
    world.node.nameservers = nameservers
    world.node.save()
    zone.service.node = world.node
    text, before = zone_file(zone), rows(zone)
    assert text.startswith("$ORIGIN example.com.\n") and " SOA " in text and " NS " in text
    look = look_at_import(domain=zone, text=text)
    assert not look.changes and look.left_out == () and len(look.changes.kept) == len(before)
    operation = world.run(import_zone_file(actor=world.actor, domain=zone, text=text))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert rows(zone) == before
    assert not look_at_import(domain=zone, text=records_as_text(zone)).changes


def test_an_import_does_what_its_preview_said(world: World, zone: Domain) -> None:
    text = """$TTL 600
@ IN SOA ns.old.test. admin.old.test. 1 2 3 4 5
@ IN NS ns.old.test.
@ IN MX 20 mail.example.net.
a IN A 192.0.2.9
b IN A 192.0.2.10
"""
    kept_pk = zone.records.get(type="MX").pk
    look = look_at_import(domain=zone, text=text)
    told = look.facts()
    assert [(one["type"], one["line"]) for one in told["left_out"]] == [("SOA", 2), ("NS", 3)]
    assert [record["name"] for record in told["added"]] == ["b.example.com"]
    assert {(one["before"]["type"], one["after"]["ttl"]) for one in told["changed"]} == {("MX", 600), ("A", 600)}
    assert {(one["name"], one["type"]) for one in told["removed"]} == {
        ("example.com", "A"), ("www.example.com", "A"), ("example.com", "TXT"),
    }  # fmt: skip
    operation = world.run(import_zone_file(actor=world.actor, domain=zone, text=text))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert world.server.resolve("b.example.com", "A") == {"192.0.2.10"}
    assert world.server.resolve("example.com", "MX") == {"20 mail.example.net."}
    assert world.server.resolve("example.com", "TXT") == set()
    assert world.server.resolve("example.com", "NS") != {"ns.old.test."}
    assert zone.records.get(type="MX").pk == kept_pk, "a changed record is the same row"
    event = Event.objects.filter(verb="operation.dns_change", outcome="requested").latest("pk")
    assert (event.after["added"], event.after["changed"], event.after["removed"]) == (1, 2, 3)
    assert "+ b.example.com 600 A 192.0.2.10" in event.after["records"]


def test_what_a_file_does_not_have_may_stay(world: World, zone: Domain) -> None:
    text = "a 600 A 192.0.2.77\nb 600 A 192.0.2.10\n"
    assert look_at_import(domain=zone, text=text, keep_others=True).changes.removed == ()
    world.run(import_zone_file(actor=world.actor, domain=zone, text=text, keep_others=True))
    assert world.server.resolve("a.example.com", "A") == {"192.0.2.77"}
    assert world.server.resolve("example.com", "MX") == {"10 mail.example.org."}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("$INCLUDE /etc/passwd", "zone_file_directive"),
        ("a A nonsense", "zone_file_invalid"),
        ("a A 192.0.2.1\na CNAME b", "cname_conflict"),
        ("@ CNAME b", "cname_at_apex"),
        ("a 60 A 192.0.2.1\na 90 A 192.0.2.2", "ttl_mixed"),
        ("sub NS ns.sub", "address_missing"),
        ("a TXT x\x00y", "unsafe_value"),
        ("a TXT " + " ".join(f'"{"x" * 250}"' for _ in range(40)), "invalid"),
    ],
)
def test_a_bad_file_changes_nothing(zone: Domain, text: str, code: str) -> None:
    assert refused(import_zone_file, domain=zone, text=text).code == code
    if code != "invalid":
        with pytest.raises(HostingError) as refusal:
            look_at_import(domain=zone, text=text)
        assert refusal.value.code == code


def test_a_plan_has_room_or_not() -> None:
    zone = make_domain(make_service(plan=make_plan(dns_records=3)), "example.com")
    text = "\n".join(f"a{number} A 192.0.2.1" for number in range(4))
    assert refused(import_zone_file, domain=zone, text=text).code == "limit_reached"
    add = [{"name": f"a{number}", "type": "A", "content": "192.0.2.1"} for number in range(4)]
    assert refused(edit_zone, domain=zone, add=add).code == "limit_reached"
    edit_zone(actor=operator(), domain=zone, add=add[:3])
    zone.service.plan.dns_records = 1
    zone.service.plan.save()
    edit_zone(actor=operator(), domain=zone, delete=[zone.records.first().pk])  # type: ignore[union-attr]
    assert zone.records.count() == 2, "fewer is fine, though it is still too many"


def test_a_domain_without_a_zone_has_nothing_to_import() -> None:
    domain = make_domain(make_service(), "example.com", has_zone=False)
    assert refused(import_zone_file, domain=domain, text="").code == "no_zone"
    assert refused(edit_zone, domain=domain, delete=[1]).code == "no_zone"
    with pytest.raises(HostingError, match="no zone"):
        zone_file(domain)


def test_many_at_once_are_one_operation(world: World, zone: Domain) -> None:
    mx, record = zone.records.get(type="MX"), zone.records.get(name="a")
    operation = world.run(
        edit_zone(
            actor=world.actor,
            domain=zone,
            add=[
                {"name": "Mail.example.com.", "type": "aaaa", "content": "2001:db8::25", "ttl": 60},
                {"name": "x", "type": "TXT", "content": "hello"},
            ],
            change=[{"id": mx.pk, "content": "5 mail", "ttl": 120}],
            delete=[record.pk],
        )
    )
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert len((operation.plan or {})["changes"]) == 1
    assert world.server.resolve("mail.example.com", "AAAA") == {"2001:db8::25"}
    assert world.server.resolve("example.com", "MX") == {"5 mail.example.com."}
    assert world.server.resolve("a.example.com", "A") == set()
    event = Event.objects.filter(verb="operation.dns_change", outcome="requested").latest("pk")
    assert (event.after["added"], event.after["changed"], event.after["removed"]) == (2, 1, 1)


def test_a_whole_set_gets_another_ttl_which_one_by_one_could_not(world: World, zone: Domain) -> None:
    world.run(add_record(actor=world.actor, domain=zone, name="a", type="A", content="192.0.2.10"))
    change = [{"id": row.pk, "ttl": 60} for row in zone.records.filter(name="a")]
    assert refused(edit_zone, domain=zone, change=change[:1]).code == "ttl_mixed"
    world.run(edit_zone(actor=world.actor, domain=zone, change=change))
    assert set(zone.records.filter(name="a").values_list("ttl", flat=True)) == {60}


def test_two_records_change_places(world: World, zone: Domain) -> None:
    """Checked as it will be, not step by step."""
    world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    one, other = zone.records.get(name="a"), zone.records.get(name="b")
    world.run(
        edit_zone(actor=world.actor, domain=zone, change=[{"id": one.pk, "name": "b"}, {"id": other.pk, "name": "a"}])
    )
    assert world.server.resolve("a.example.com", "A") == {"192.0.2.10"}
    assert world.server.resolve("b.example.com", "A") == {"192.0.2.9"}


def test_an_address_becomes_an_alias_and_back(world: World, zone: Domain) -> None:
    """A name server takes a change in its order, and never an alias beside another record."""
    for text in ("a CNAME www.example.org.", "a A 192.0.2.9\na TXT x", "a CNAME www.example.org."):
        operation = world.run(import_zone_file(actor=world.actor, domain=zone, text=text))
        assert operation.state == OperationState.SUCCEEDED, operation.error
    assert world.server.resolve("a.example.com", "CNAME") == {"www.example.org."}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "nothing_chosen"),
        ({"delete": list(range(MOST_AT_ONCE + 1))}, "too_many"),
        ({"delete": [999_999]}, "not_found"),
        ({"change": [{"id": 999_999, "ttl": 60}]}, "not_found"),
        ({"add": [{"name": "a", "type": "A", "content": "192.0.2.9"}]}, "record_duplicate"),
        ({"add": [{"name": "A", "type": "a", "content": "192.0.2.9", "ttl": 60}]}, "record_duplicate"),
        ({"add": [{"name": "x", "type": "SOA", "content": "a. b. 1 2 3 4 5"}]}, "record_type"),
        ({"add": [{"name": "x.other.test.", "type": "A", "content": "192.0.2.9"}]}, "name_outside_zone"),
        ({"add": [{"name": "x", "type": "TXT", "content": "a\nb"}]}, "unsafe_value"),
        ({"add": [{"name": "@", "type": "CNAME", "content": "x.test."}]}, "cname_at_apex"),
        ({"add": [{"name": "x", "type": "A", "content": "192.0.2.1", "ttl": 1}]}, "ttl_out_of_range"),
    ],
)
def test_one_bad_record_stops_all(zone: Domain, data: dict[str, Any], code: str) -> None:
    good = [{"name": "good", "type": "A", "content": "192.0.2.1"}] if data else []
    data = {**data, "add": [*good, *data.get("add", ())]} if code != "too_many" else data
    assert refused(edit_zone, domain=zone, **data).code == code


def test_another_zones_record_is_not_there(zone: Domain) -> None:
    other = make_domain(make_service(node=make_node(name="elsewhere")), "other.test")
    theirs = DnsRecord.objects.create(domain=other, name="a", type="A", content="192.0.2.1")
    assert refused(edit_zone, domain=zone, delete=[theirs.pk]).code == "not_found"
    assert refused(edit_zone, domain=zone, change=[{"id": theirs.pk, "ttl": 60}]).code == "not_found"


def undo(world: World, zone: Domain) -> Operation:
    operation = last_change(zone)
    assert operation is not None
    done = world.run(rollback_operation(actor=world.actor, operation=operation))
    assert done.state == OperationState.SUCCEEDED, done.error
    return done


def test_undo_goes_back_change_by_change(world: World, zone: Domain) -> None:
    start = zone_file(zone).split("SOA")[1][80:]
    world.run(import_zone_file(actor=world.actor, domain=zone, text="b A 192.0.2.10"))
    world.run(edit_zone(actor=world.actor, domain=zone, add=[{"name": "c", "type": "A", "content": "192.0.2.11"}]))
    undo(world, zone)
    assert set(zone.records.values_list("name", flat=True)) == {"b"}
    assert world.server.resolve("c.example.com", "A") == set()
    undo(world, zone)
    assert zone_file(zone).split("SOA")[1][80:] == start
    assert world.server.resolve("a.example.com", "A") == {"192.0.2.9"}


def test_undo_never_takes_a_domain_with_it(world: World, zone: Domain) -> None:
    """What touched the zone last was more than a change of records: nothing to undo here."""
    assert last_change(zone) is not None
    world.run(add_domain(actor=world.actor, service=zone.service, name="shop.example.com"))
    assert last_change(zone) is None


def test_what_failed_or_waits_is_not_undone(world: World, zone: Domain) -> None:
    before = last_change(zone)
    waiting = edit_zone(
        actor=world.actor,
        domain=zone,
        add=[{"name": "c", "type": "A", "content": "192.0.2.11"}],
        wait_for_approval=True,
    )
    world.run(waiting)
    assert last_change(zone) == before
