"""The server in memory behaves as the real one where adapters can tell: they make, see, probe and remove on it."""

import time
from collections.abc import Iterable
from dataclasses import replace

import pytest

import hosting.adapters  # noqa: F401  (registers every adapter)
from hosting.adapters.base import NodeFacts, Scope, adapter_for, adapters
from hosting.connections.agent.wire import Refused
from hosting.connections.base import Context, converse, perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import ConfigurationInvalid, ConnectionRefused, HostingError, OutcomeUnknown, ProbeFailed
from hosting.state import (
    Change,
    Database,
    DatabaseUser,
    DnsZone,
    DocumentRoot,
    Grant,
    Package,
    PhpPool,
    Ref,
    Resource,
    Secret,
    SystemUser,
    VirtualHost,
    plan,
    state_of,
)
from hosting.state.zones import canonical_record
from tests.contract.contract import bootstrap, carry_out, new_context

BARE = NodeFacts(
    "fake", "fake.test", "192.0.2.1", ("192.0.2.1",), ("ns1.host.test",), secrets={"powerdns_api_key": "k"}
)
HASH = Secret("*" + "0123456789ABCDEF" * 2 + "01234567")


def service(owner: str = "al", domain: str = "a.test") -> tuple[Resource, ...]:
    """A whole service: one of each Resource."""
    home = f"/home/{owner}"
    records = (("@", "NS", "ns1.host.test"), ("@", "A", "192.0.2.1"), ("*", "A", "192.0.2.9"), ("www", "CNAME", "@"))
    zone = tuple(sorted(canonical_record(*record, 300, domain) for record in records))
    return (
        SystemUser(owner, home),
        DocumentRoot(owner, f"sites/{domain}/public"),
        PhpPool(owner, "8.2", home),
        VirtualHost(owner, domain, f"{home}/sites/{domain}/public", (f"www.{domain}",)),
        DnsZone(owner, domain, "ns1.host.test", "hostmaster.host.test", zone),
        Database(owner, f"{owner}_shop"),
        DatabaseUser(owner, f"{owner}_u", HASH, grants=(Grant(f"{owner}_shop"),)),
    )


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def facts(node: FakeNode) -> NodeFacts:
    return bootstrap(node, BARE)


def observed(node: FakeNode, facts: NodeFacts, owner: str | None = "al") -> dict[Ref, Resource]:
    found = converse(node, [adapter.observe(Scope(facts, owner)) for adapter in adapters().values() if adapter.handles])
    assert not [each for each in found if isinstance(each, HostingError)]
    return state_of(resource for each in found if isinstance(each, tuple) for resource in each)


def become(
    node: FakeNode, before: Iterable[Resource], after: Iterable[Resource], context: Context | None = None
) -> None:
    carry_out(node, plan(state_of(before), state_of(after)), context)


def test_a_whole_service_is_made_seen_probed_and_served(node: FakeNode, facts: NodeFacts) -> None:
    wanted = service()
    become(node, (), wanted)
    assert observed(node, facts) == state_of(wanted) == observed(node, facts, None)
    assert all(perform(node, adapter_for(each.kind).probe(each, facts)) for each in wanted)
    assert node.visit("www.a.test").status == 200 and b"a.test" in node.visit("a.test").stdout
    assert node.resolve("a.test", "A") == {"192.0.2.1"} and "192.0.2.1" in node.resolve("www.a.test", "A")
    assert node.resolve("x.a.test", "A") == {"192.0.2.9"}
    with pytest.raises(Refused):
        node.visit("b.test")


def test_making_it_twice_changes_nothing(node: FakeNode, facts: NodeFacts) -> None:
    context = new_context()
    become(node, (), service(), context)
    files = str(node.tree.root)
    become(node, (), service(), context)
    assert observed(node, facts) == state_of(service())
    assert str(node.tree.root) == files


def test_a_customer_is_suspended_and_comes_back(node: FakeNode, facts: NodeFacts) -> None:
    wanted = service()
    asleep = tuple(_suspended(each) for each in wanted)
    become(node, (), wanted)
    become(node, wanted, asleep)
    assert observed(node, facts) == state_of(asleep)
    assert node.visit("a.test").status == 503
    assert all(
        perform(node, adapter_for(each.kind).probe(each, facts)) for each in asleep if each.kind != "system_user"
    )
    become(node, asleep, wanted)
    assert node.visit("a.test").status == 200


def _suspended(resource: Resource) -> Resource:
    if isinstance(resource, SystemUser | DatabaseUser):
        return replace(resource, locked=True)
    return replace(resource, suspended=True) if isinstance(resource, VirtualHost) else resource


def test_what_is_removed_is_gone_and_comes_back_with_its_data(node: FakeNode, facts: NodeFacts) -> None:
    wanted, context = service(), new_context()
    become(node, (), wanted)
    node.mariadb.databases["al_shop"].data = "precious rows"
    node.put("/home/al/sites/a.test/public/index.html", b"precious page", owner="al", group="al")
    become(node, wanted, (), context)
    assert observed(node, facts) == {}
    assert "al" not in node.accounts.accounts and not node.exists("/home/al") and not node.mariadb.users
    become(node, (), wanted, context)
    assert observed(node, facts) == state_of(wanted)
    assert node.mariadb.databases["al_shop"].data == "precious rows"
    assert node.visit("a.test").stdout == b"precious page"


def test_a_new_service_of_that_name_starts_empty(node: FakeNode, facts: NodeFacts) -> None:
    become(node, (), service())
    node.mariadb.databases["al_shop"].data = "precious rows"
    become(node, service(), ())
    become(node, (), service())
    assert node.mariadb.databases["al_shop"].data == ""


def test_two_services_do_not_see_each_other(node: FakeNode, facts: NodeFacts) -> None:
    one, other = service(), service("bo", "b.test")
    become(node, (), one)
    become(node, (), other)
    assert observed(node, facts) == state_of(one) and observed(node, facts, "bo") == state_of(other)
    become(node, one, ())
    assert observed(node, facts, None) == state_of(other)
    assert node.visit("b.test").status == 200


def test_changes_to_a_database_user_and_a_zone_are_seen(node: FakeNode, facts: NodeFacts) -> None:
    wanted = service()
    zone, user = wanted[4], wanted[6]
    assert isinstance(zone, DnsZone) and isinstance(user, DatabaseUser)
    changed = (
        *wanted[:4],
        replace(zone, minimum=900, records=(*zone.records[:1], *zone.records[2:])),
        wanted[5],
        replace(user, password_hash=Secret("*" + "A" * 40), grants=(Grant("al_shop", ("INSERT", "SELECT")),)),
    )
    become(node, (), wanted)
    become(node, wanted, changed)
    assert observed(node, facts) == state_of(changed)


def test_a_planted_file_breaks_nginx_until_it_is_gone(node: FakeNode, facts: NodeFacts) -> None:
    become(node, (), service())
    path = node.break_nginx()
    with pytest.raises(ConfigurationInvalid, match="frobnicate") as caught:
        become(node, (), service("bo", "b.test"))
    assert caught.value.path == path
    assert node.visit("a.test").status == 200
    with pytest.raises(Refused):
        node.visit("b.test")
    kept = perform(node, adapters()["nginx"].quarantine(path, "broken"))
    assert kept is not None and node.exists(kept.kept_at) and not node.exists(path)
    become(node, (), service("bo", "b.test"))
    assert node.visit("b.test").status == 200


def test_a_planted_pool_breaks_php(node: FakeNode, facts: NodeFacts) -> None:
    path = node.break_php()
    with pytest.raises(ConfigurationInvalid, match="frobnicate") as caught:
        become(node, (), service())
    assert caught.value.path == path


def test_a_conflicting_name_is_found(node: FakeNode, facts: NodeFacts) -> None:
    node.put("/etc/nginx/conf.d/other.conf", b"server {\n    listen 80;\n    server_name a.test;\n}\n")
    with pytest.raises(ConfigurationInvalid, match=r"a\.test"):
        become(node, (), service())


def test_nothing_is_served_before_a_reload(node: FakeNode, facts: NodeFacts) -> None:
    for stage in plan({}, state_of(service())).stages():
        converse(node, [adapter_for(change.kind).apply(change, new_context()) for change in stage])
    with pytest.raises(Refused):
        node.visit("a.test")


@pytest.mark.parametrize(
    ("unit", "kind"), [("nginx.service", "virtual_host"), ("mariadb.service", "database"), ("pdns.service", "dns_zone")]
)
def test_a_stopped_daemon_fails_its_probe(node: FakeNode, facts: NodeFacts, unit: str, kind: str) -> None:
    become(node, (), service())
    node.system.stop(unit)
    (resource,) = [each for each in service() if each.kind == kind]
    with pytest.raises(ProbeFailed):
        perform(node, adapter_for(kind).probe(resource, facts))


def test_names_that_are_taken_are_refused(node: FakeNode, facts: NodeFacts) -> None:
    become(node, (), service())
    node.mariadb.ownership.clear()
    node.powerdns.zones["a.test."]["account"] = "somebody"
    for resource, code in zip(service()[4:], ("zone_taken", "database_taken", "database_user_taken"), strict=True):
        with pytest.raises(HostingError) as caught:
            perform(node, adapter_for(resource.kind).apply(Change(*resource.ref, None, resource), new_context()))
        assert caught.value.code == code


def test_a_bare_server_gets_what_it_needs(facts: NodeFacts) -> None:
    bare = FakeNode(installed=False)
    packages = [each for adapter in adapters().values() for each in adapter.setup(facts) if isinstance(each, Package)]
    with pytest.raises(ConfigurationInvalid, match="duplicate default server"):
        bootstrap(FakeNode(installed=False), BARE)
    # First of all: they bring the distribution's default site, which has to be seen to be removed.
    become(bare, (), set(packages))
    found = bootstrap(bare, BARE)
    become(bare, (), service())
    assert {"nginx", "php8.2-fpm", "mariadb-server", "pdns-server"} <= bare.system.packages
    assert found.discovered["php_fpm"] == {"versions": ["8.2"]} and bare.visit("a.test").status == 200
    assert not bare.exists("/etc/nginx/sites-enabled/default")


def test_a_bootstrapped_server_needs_nothing_more(node: FakeNode, facts: NodeFacts) -> None:
    wanted = [resource for adapter in adapters().values() for resource in adapter.setup(facts)]
    links = [link for adapter in adapters().values() for link in getattr(adapter, "unwanted", ())]
    seen = perform(node, adapters()["node_setup"].observe(Scope(facts, owner="", setup=(*wanted, *links))))
    assert not plan(state_of(seen), state_of(wanted))


def test_it_can_be_down_slow_and_lose_the_connection(node: FakeNode, facts: NodeFacts) -> None:
    node.down = True
    with pytest.raises(ConnectionRefused):
        become(node, (), service())
    node.down = False
    node.drop_next(after=1)
    with pytest.raises(OutcomeUnknown):
        become(node, (), service())
    node.slow = 0.01
    started = time.monotonic()
    become(node, (), service())
    assert time.monotonic() - started >= 0.01
    assert observed(node, facts) == state_of(service())


def test_a_program_can_be_replaced(node: FakeNode, facts: NodeFacts) -> None:
    def refuse(words: list[str], run: object) -> object:
        raise Refused("command_failed", "out of memory", exit_status=1)

    node.programs["mariadb"] = refuse  # type: ignore[assignment]
    with pytest.raises(HostingError, match="out of memory"):
        become(node, (), service())
