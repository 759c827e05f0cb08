"""DNS records: canonical, checked with the whole zone, and published where a resolver finds them."""

from typing import Any

import pytest

from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import DnsRecord, Domain, HostingService, Operation
from hosting.operations.carried import add_address_records
from hosting.services.dns import add_record, change_record, delete_record
from hosting.services.operations import cancel_operation, rollback_operation
from hosting.services.sites import add_domain, delete_service, remove_domain
from tests.factories import make_customer, make_domain, make_plan, make_service
from tests.people import operator
from tests.unit.services.world import World, domain_of, snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def zone() -> Domain:
    """A domain with its own zone and the addresses of its site."""
    domain = make_domain(make_service(plan=make_plan(dns_records=None)), "example.com")
    add_address_records(domain, domain)
    return domain


def add(zone: Domain, name: str, type: str, content: str, **options: Any) -> Operation:
    """Add a record as a door would."""
    return add_record(actor=operator(), domain=zone, name=name, type=type, content=content, **options)


def refused(zone: Domain, name: str, type: str, content: str, **options: Any) -> HostingError:
    """The record is refused and nothing is left of the attempt."""
    before = snapshot(), list(DnsRecord.objects.order_by("pk").values())
    with pytest.raises(HostingError) as refusal:
        add(zone, name, type, content, **options)
    assert (snapshot(), list(DnsRecord.objects.order_by("pk").values())) == before
    return refusal.value


@pytest.mark.parametrize(
    ("name", "type", "content"),
    [
        ("@", "AAAA", "2001:db8::1"),
        ("a", "A", "192.0.2.9"),
        ("*", "A", "192.0.2.9"),
        ("*.dev", "CNAME", "example.org."),
        ("alias", "CNAME", "www"),
        ("@", "MX", "10 mail.example.org."),
        ("@", "TXT", "v=spf1 mx -all"),
        ("_dmarc", "TXT", "v=DMARC1; p=none"),
        ("long", "TXT", "x" * 4000),
        ("utf8", "TXT", "grüße"),
        ("quoted", "TXT", '"one" "two"'),
        ("@", "CAA", '0 issue "letsencrypt.org"'),
        ("_sip._tcp", "SRV", "10 5 5060 sip.example.org."),
        ("sub", "NS", "ns1.example.org."),
        ("_443._tcp.www", "TLSA", "3 1 1 " + "ab" * 32),
        ("host", "SSHFP", "4 2 " + "ab" * 32),
    ],
)
def test_each_type_is_accepted(zone: Domain, name: str, type: str, content: str) -> None:
    operation = add(zone, name, type, content)
    assert operation.refs == ["dns_zone:example.com"]
    assert zone.records.filter(name=name, type=type).count() >= 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("", "@"),
        ("@", "@"),
        ("example.com", "@"),
        ("example.com.", "@"),
        ("EXAMPLE.com.", "@"),
        (" mail ", "mail"),
        ("Mail.Example.Com", "mail"),
        ("mail.example.com.", "mail"),
        ("a.b", "a.b"),
        ("*.Example.com", "*"),
    ],
)
def test_names_have_one_form(zone: Domain, name: str, kept: str) -> None:
    add(zone, name, "txt", " hello ")
    assert zone.records.filter(type="TXT").values_list("name", "content").get() == (kept, "hello")


@pytest.mark.parametrize("name", ["www.example.org.", "example.org.", "notexample.com.", "com."])
def test_an_absolute_name_outside_the_zone_is_refused(zone: Domain, name: str) -> None:
    error = refused(zone, name, "A", "192.0.2.1")
    assert (error.code, error.field) == ("name_outside_zone", "name")


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("A", "2001:db8::1"),
        ("A", "192.0.2"),
        ("A", "192.0.2.256"),
        ("A", "192.0.2.1 192.0.2.2"),
        ("A", "example.org"),
        ("AAAA", "192.0.2.1"),
        ("AAAA", "2001:db8::g"),
        ("AAAA", "fe80::1%eth0"),
        ("CNAME", ""),
        ("CNAME", "two words"),
        ("CNAME", "a..b"),
        ("MX", "mail.example.org."),
        ("MX", "ten mail.example.org."),
        ("MX", "70000 mail.example.org."),
        ("MX", "10 192.0.2.1"),
        ("NS", "192.0.2.1"),
        ("SRV", "10 5 5060"),
        ("CAA", "issue letsencrypt.org"),
        ("CAA", "0 issue"),
        ("TLSA", "3 1 1 xyz"),
        ("SSHFP", "4 2"),
        ("TXT", '"unclosed'),
        ("TXT", ""),
        ("PTR", "192.0.2.1"),
    ],
)
def test_content_that_its_type_does_not_allow_is_refused(zone: Domain, type: str, content: str) -> None:
    name = "_sip._tcp" if type == "SRV" else "sub"
    error = refused(zone, name, type, content)
    assert error.permanent and (type in error.detail or error.field == "content")


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\x85", "\u2028", "\u2029", "\x1b", "\x7f"], ids=ascii)
@pytest.mark.parametrize("type", ["TXT", "A", "CNAME", "CAA"])
def test_no_line_break_or_control_character_comes_into_a_zone(zone: Domain, type: str, bad: str) -> None:
    for content in (f"safe{bad}evil IN A 192.0.2.66", f'"a{bad}b"', f"192.0.2.1{bad}x"):
        assert refused(zone, "a", type, content).code in ("invalid", "unsafe_value")


@pytest.mark.parametrize("bad", ["\n", "\x00", "\u2028", " ", ";", '"', "(", "\\", "$", "/", "a" * 64, "..", "-", "ü"])
def test_no_odd_name_comes_into_a_zone(zone: Domain, bad: str) -> None:
    name = bad if bad in ("..", "-") else f"a{bad}b"
    assert refused(zone, name, "A", "192.0.2.1").code in ("invalid", "name_outside_zone")


@pytest.mark.parametrize("ttl", [-1, 0, 29, 2_419_201, 2_147_483_648])
def test_a_ttl_out_of_bounds_is_refused(zone: Domain, ttl: int) -> None:
    assert refused(zone, "a", "A", "192.0.2.1", ttl=ttl).hint or True


@pytest.mark.parametrize("ttl", [30, 3600, 2_419_200])
def test_a_ttl_at_the_bounds_is_kept(zone: Domain, ttl: int) -> None:
    add(zone, "a", "A", "192.0.2.1", ttl=ttl)
    assert zone.records.get(name="a").ttl == ttl


@pytest.mark.parametrize("type", ["SOA", "ANY", "LUA", "ALIAS", "DNAME", "", "A\n", "AXFR"])
def test_types_that_would_let_others_decide_are_refused(zone: Domain, type: str) -> None:
    if type.strip() != "A":
        assert refused(zone, "a", type, "192.0.2.1").code == "invalid"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (("www", "CNAME", "example.org."), None, "cname_conflict"),
        (("@", "CNAME", "example.org."), None, "cname_at_apex"),
        (("a", "CNAME", "example.org."), ("a", "A", "192.0.2.1"), "cname_conflict"),
        (("a", "A", "192.0.2.1"), ("a", "CNAME", "example.org."), "cname_conflict"),
        (("a", "CNAME", "example.org."), ("a", "CNAME", "example.net."), "cname_conflict"),
        (("a", "A", "192.0.2.1"), ("a", "A", "192.0.2.2", 300), "ttl_mixed"),
        (("sub", "NS", "ns1.example.org."), ("a.sub", "TXT", "below"), "below_delegation"),
        (("alias", "CNAME", "example.org."), ("@", "MX", "10 alias"), "target_is_alias"),
        (("sub", "NS", "ns.sub.example.com."), None, "address_missing"),
        (("sub", "NS", "alias.example.com."), None, "address_missing"),
        (("a.*", "A", "192.0.2.1"), None, "invalid"),
    ],
)
def test_records_that_break_a_zone_together_are_refused(
    zone: Domain, first: tuple[Any, ...], second: tuple[Any, ...] | None, code: str
) -> None:
    *record, ttl = (*first, 3600) if len(first) == 3 else first
    if second is None:
        assert refused(zone, *record, ttl=ttl).code == code
        return
    add(zone, *record, ttl=ttl)
    *other, ttl = (*second, 3600) if len(second) == 3 else second
    error = refused(zone, *other, ttl=ttl)
    assert error.code == code and error.detail.endswith(".") and error.hint


@pytest.mark.parametrize(
    ("type", "first", "second"),
    [
        ("A", "192.0.2.9", "192.0.2.9"),
        ("AAAA", "2001:db8::1", "2001:DB8:0::1"),
        ("MX", "10 mail.example.org.", "10  MAIL.example.org"),
        ("TXT", "hello", '"hello"'),
    ],
)
def test_the_same_record_in_another_spelling_is_refused(zone: Domain, type: str, first: str, second: str) -> None:
    add(zone, "a", type, first)
    error = refused(zone, "A", type.lower(), second)
    assert (error.code, error.field) == ("record_duplicate", "content")
    add(zone, "a", type, {"A": "192.0.2.8", "AAAA": "2001:db8::2", "MX": "20 mail.example.org.", "TXT": "bye"}[type])


def test_a_records_change_is_checked_like_a_new_one(zone: Domain) -> None:
    add(zone, "a", "A", "192.0.2.1")
    record = zone.records.get(name="a")
    before = list(DnsRecord.objects.values())
    for change in ({"content": "nonsense"}, {"ttl": 1}, {"name": "a b"}, {"name": "x.example.org."}):
        with pytest.raises(HostingError):
            change_record(actor=operator(), record=DnsRecord.objects.get(pk=record.pk), **change)
        assert list(DnsRecord.objects.values()) == before
    change_record(actor=operator(), record=record, name="B", content="192.0.2.2", ttl=60)
    assert list(zone.records.filter(pk=record.pk).values_list("name", "type", "content", "ttl")) == [
        ("b", "A", "192.0.2.2", 60)
    ]


def test_a_record_that_others_need_is_not_deleted(zone: Domain) -> None:
    add(zone, "ns.sub", "A", "192.0.2.5")
    add(zone, "sub", "NS", "ns.sub.example.com.")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        delete_record(actor=operator(), record=zone.records.get(name="ns.sub"))
    assert refusal.value.code == "address_missing" and snapshot() == before


def test_a_node_without_name_servers_names_two_inside_each_zone(world: World) -> None:
    world.node.nameservers = []
    world.node.save()
    world.host("example.com")
    assert world.server.resolve("example.com", "NS") == {"ns1.example.com.", "ns2.example.com."}
    assert world.server.resolve("ns1.example.com", "A") == {"192.0.2.1"}


def test_a_record_is_published_changed_and_taken_away(world: World) -> None:
    world.host("example.com")
    zone = domain_of("example.com")
    world.run(add(zone, "Mail", "a", "192.0.2.25"))
    assert world.server.resolve("mail.example.com", "A") == {"192.0.2.25"}
    change = world.run(change_record(actor=world.actor, record=zone.records.get(name="mail"), content="192.0.2.26"))
    assert world.server.resolve("mail.example.com", "A") == {"192.0.2.26"}
    rollback = world.run(rollback_operation(actor=world.actor, operation=change))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert world.server.resolve("mail.example.com", "A") == {"192.0.2.25"}
    assert zone.records.get(name="mail").content == "192.0.2.25"
    world.run(delete_record(actor=world.actor, record=zone.records.get(name="mail")))
    assert world.server.resolve("mail.example.com", "A") == set()


# --- subdomains: their records are in the zone above, if the same customer has it ------------------------------------


def test_a_subdomain_of_the_same_service_is_found_in_the_zone_above(world: World) -> None:
    service = world.host("example.com")
    operation = world.run(add_domain(actor=world.actor, service=service, name="shop.example.com"))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    domain = domain_of("shop.example.com")
    assert not domain.has_zone and not domain.records.exists()
    assert set(domain_of("example.com").records.values_list("name", flat=True)) == {"@", "www", "shop", "www.shop"}
    assert world.server.resolve("www.shop.example.com", "A") == {"192.0.2.1"}
    assert world.status("shop.example.com") == 200
    with pytest.raises(HostingError) as refusal:
        add(domain, "a", "A", "192.0.2.1")
    assert refusal.value.code == "no_zone" and "above" in refusal.value.hint
    world.run(remove_domain(actor=world.actor, domain=domain))
    assert world.server.resolve("shop.example.com", "A") == set()
    assert set(domain_of("example.com").records.values_list("name", flat=True)) == {"@", "www"}


@pytest.fixture
def pair(world: World) -> tuple[HostingService, HostingService]:
    """example.com and shop.example.com as two services of one customer."""
    customer = make_customer()
    above = world.host("example.com", username="above", customer=customer)
    return above, world.host("shop.example.com", username="below", customer=customer)


def test_a_subdomain_of_another_service_is_found_in_the_zone_above(
    world: World, pair: tuple[HostingService, HostingService]
) -> None:
    assert not domain_of("shop.example.com").has_zone
    assert world.status("shop.example.com") == 200
    assert world.server.resolve("shop.example.com", "A") == {"192.0.2.1"}
    assert list(world.server.powerdns.zones) == ["example.com."]
    published = Operation.objects.get(kind="dns_change")
    assert published.service == pair[0] and published.state == OperationState.SUCCEEDED


def test_a_leaving_subdomain_leaves_no_address_that_a_stranger_could_take_over(
    world: World, pair: tuple[HostingService, HostingService]
) -> None:
    deletion = world.delete(pair[1])
    world.work()
    assert world.server.resolve("shop.example.com", "A") == set()
    assert world.server.resolve("example.com", "A") == {"192.0.2.1"}
    rollback_operation(actor=world.actor, operation=deletion)
    assert {operation.state for operation in world.work()} == {OperationState.SUCCEEDED}
    assert world.server.resolve("shop.example.com", "A") == {"192.0.2.1"} and world.status("shop.example.com") == 200


def test_what_the_customer_wrote_under_a_subdomains_name_stays(
    world: World, pair: tuple[HostingService, HostingService]
) -> None:
    zone = domain_of("example.com")
    add(zone, "shop", "TXT", "mine")
    add(zone, "shop", "A", "192.0.2.99")
    world.delete(pair[1])
    world.work()
    assert world.server.resolve("shop.example.com", "A") == {"192.0.2.99"}
    assert world.server.resolve("shop.example.com", "TXT") == {'"mine"'}


def test_a_name_with_records_of_the_customers_own_is_not_touched(world: World) -> None:
    service = world.host("example.com")
    world.run(add(domain_of("example.com"), "shop", "CNAME", "shops.example.org."))
    world.run(add_domain(actor=world.actor, service=service, name="shop.example.com"))
    assert list(domain_of("example.com").records.filter(name="shop").values_list("type", flat=True)) == ["CNAME"]


def test_a_zone_that_others_need_does_not_go(world: World, pair: tuple[HostingService, HostingService]) -> None:
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        delete_service(actor=world.actor, service=pair[0])
    assert refusal.value.code == "zone_in_use" and "shop.example.com" in refusal.value.detail
    with pytest.raises(HostingError) as refusal:
        creation = Operation.objects.get(service=pair[0], kind="service_create")
        rollback_operation(actor=world.actor, operation=creation)
    assert refusal.value.code in ("zone_in_use", "changed_since")
    assert snapshot() == before
    world.delete(pair[1])
    world.work()
    world.delete(pair[0])
    world.work()
    assert world.server.powerdns.zones == {}


def test_a_domain_whose_zone_others_need_is_not_removed(world: World) -> None:
    service = world.host("example.org")
    for name in ("example.com", "shop.example.com"):
        world.run(add_domain(actor=world.actor, service=service, name=name))
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        remove_domain(actor=world.actor, domain=domain_of("example.com"))
    assert refusal.value.code == "zone_in_use" and snapshot() == before


def test_a_strangers_zone_never_carries_a_record(world: World) -> None:
    world.host("example.com")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        world.ask("shop.example.com", customer=None)
    assert refusal.value.code == "domain_taken"
    assert snapshot()["DnsRecord"] == before["DnsRecord"]


def test_the_nearest_zone_above_is_taken(world: World) -> None:
    customer = make_customer()
    world.host("dev.example.com", customer=customer)
    world.host("example.com", customer=customer)
    assert domain_of("dev.example.com").has_zone and domain_of("example.com").has_zone
    world.host("a.dev.example.com", customer=customer)
    assert not domain_of("a.dev.example.com").has_zone
    assert domain_of("dev.example.com").records.filter(name="a").exists()
    assert not domain_of("example.com").records.filter(name__startswith="a").exists()
    assert world.server.resolve("a.dev.example.com", "A") == {"192.0.2.1"}


@pytest.mark.parametrize("planned", [False, True], ids=["waiting", "planned"])
def test_a_subdomain_that_was_given_up_is_never_published(world: World, planned: bool) -> None:
    above = world.host("example.com")
    operation = world.ask("shop.example.com", customer=above.customer, wait_for_approval=True)
    if planned:
        world.run(operation)
    cancel_operation(actor=world.actor, operation=operation)
    world.work()
    assert world.server.resolve("shop.example.com", "A") == set()
    assert not domain_of("example.com").records.filter(name__contains="shop").exists()
