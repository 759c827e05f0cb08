"""SQL that cannot be bent, secrets that stay off command lines, and refusals, all on the server in memory."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.adapters.base import NodeFacts, Scope
from hosting.adapters.mariadb import MariaDb
from hosting.adapters.mariadb.client import said
from hosting.adapters.mariadb.quoting import database_of, identifier, literal, pattern
from hosting.connections.base import Context, Reply, Run, perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import CommandFailed, HostingError, ProbeFailed, UnsafeValue
from hosting.state import (
    Change,
    DaemonUnit,
    Database,
    DatabaseUser,
    Grant,
    NodeFile,
    Package,
    Resource,
    Secret,
    state_of,
)

FACTS = NodeFacts("fake", "fake.test", "192.0.2.1", memory_mb=4096)
HASH = "*" + "0123456789ABCDEF" * 2 + "01234567"
SHOP = Database("al", "al_shop")
USER = DatabaseUser("al", "al_u", Secret(HASH), grants=(Grant("al_shop"),))


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


def apply(node: FakeNode, before: Resource | None, after: Resource | None, removed_id: str = "") -> None:
    resource = after or before
    assert resource is not None
    context = Context(removed_id=removed_id)
    perform(node, MariaDb().apply(Change(*resource.ref, before, after), context), context=context)


def observe(node: FakeNode, **limits: object) -> set[Resource]:
    return set(perform(node, MariaDb().observe(Scope(FACTS, **limits))))  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.text())
def test_a_literal_is_one_plain_string_or_refused(text: str) -> None:
    try:
        quoted = literal(text)
    except UnsafeValue:
        assert not re.fullmatch(r"[ -~]*", text) or "'" in text or "\\" in text
    else:
        assert quoted == f"'{text}'" and re.fullmatch(r"'[ -&(-\[\]-~]*'", quoted)


@pytest.mark.parametrize("name", ["", "a`b", "a b", "A", "a.b", "a%", "é", "a\n", "a'", "a\\", "x" * 65])
def test_a_name_that_needs_quoting_is_refused(name: str) -> None:
    with pytest.raises(UnsafeValue):
        identifier(name)


@settings(deadline=None)
@given(st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True))
def test_a_pattern_means_one_database(name: str) -> None:
    inside = pattern(name)[1:-1]
    assert database_of(inside) == name
    assert not re.search(r"(?<!\\)[_%]", inside)


@pytest.mark.parametrize("found", ["al_shop", "al%", "%", "al\\_%", "AL", "", "al\\_shop_x"])
def test_a_pattern_of_somebody_elses_means_no_one_database(found: str) -> None:
    assert database_of(found) is None


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SHOP, name="shop"),
        replace(SHOP, name="bo_shop"),
        replace(SHOP, name="al_"),
        replace(SHOP, name="al_shop`; DROP DATABASE bo_shop; --"),
        replace(SHOP, name="al_shop\n"),
        replace(SHOP, owner="a_l", name="a_l_shop"),
        replace(SHOP, charset="utf8mb4'"),
        replace(SHOP, collation="utf8mb4_unicode_ci COMMENT 'x'"),
        replace(USER, name="bo_u"),
        replace(USER, name="al_u'@'%"),
        replace(USER, name="al_" + "x" * 80),
        replace(USER, host="local host"),
        replace(USER, host="h_st"),
        replace(USER, host="localhost'"),
        replace(USER, password_hash=Secret("secret")),
        replace(USER, password_hash=Secret(HASH.lower())),
        replace(USER, password_hash=Secret(HASH + "\n")),
        replace(USER, grants=(Grant("bo_shop"),)),
        replace(USER, grants=(Grant("al%"),)),
        replace(USER, grants=(Grant("al_shop", ()),)),
        replace(USER, grants=(Grant("al_shop", ("FILE",)),)),
        replace(USER, grants=(Grant("al_shop", ("SELECT ON *.* TO x; --",)),)),
    ],
)
def test_what_could_be_bent_is_refused_and_nothing_is_sent(node: FakeNode, wrong: Resource) -> None:
    with pytest.raises(UnsafeValue):
        apply(node, None, wrong)
    assert not node.requests


def test_names_and_hashes_are_no_arguments_of_a_program(node: FakeNode) -> None:
    for before, after in ((None, SHOP), (None, USER), (USER, replace(USER, locked=True)), (USER, None), (SHOP, None)):
        apply(node, before, after, removed_id="op")
    apply(node, None, SHOP, removed_id="op")
    perform(node, MariaDb().probe(SHOP, FACTS))
    observe(node)
    words = [word for _, request in node.requests if isinstance(request, Run) for word in request.argv]
    assert not [word for word in words if "*" in word or "al_u" in word]
    # mariadb-dump knows no other way than an argument to be told which database; the dump's own path holds it too.
    assert {word for word in words if "al_shop" in word} == {
        "al_shop",
        "--result-file=/var/lib/npanel/removed/op/database-al_shop.sql.draft",
        "/var/lib/npanel/removed/op/database-al_shop.sql.draft",
    }


def test_before_the_first_creation_nothing_is_ours(node: FakeNode) -> None:
    node.programs["mariadb"] = lambda words, run: _failed("ERROR 1146 (42S02) at line 1: no npanel.ownership")
    assert observe(node) == set()
    node.programs["mariadb"] = lambda words, run: _failed("ERROR 2002 (HY000): Can't connect")
    with pytest.raises(CommandFailed, match="2002"):
        observe(node)


def _failed(message: str) -> Reply:
    return Reply(exit_status=1, stderr=message.encode())


def test_an_owner_whose_name_starts_anothers_sees_only_its_own(node: FakeNode) -> None:
    other = Database("alx", "alx_shop")
    apply(node, None, SHOP)
    apply(node, None, other)
    assert observe(node, owner="al") == {SHOP} and observe(node, owner="alx") == {other}
    assert observe(node) == {SHOP, other}
    assert observe(node, refs=frozenset([other.ref])) == {other}
    assert observe(node, owner="al", refs=frozenset([other.ref])) == set()


def test_a_service_needs_one_round_for_each_step(node: FakeNode) -> None:
    apply(node, None, SHOP, removed_id="op")
    apply(node, None, USER, removed_id="op")
    assert observe(node, owner="al") == {SHOP, USER}
    assert node.round_trips == 3


def test_a_dump_that_fails_drops_nothing(node: FakeNode) -> None:
    apply(node, None, SHOP)
    node.programs["mariadb-dump"] = lambda words, run: _dump_failed()
    with pytest.raises(HostingError, match="table is marked as crashed"):
        apply(node, SHOP, None, removed_id="op")
    assert "al_shop" in node.mariadb.databases
    assert not node.exists("/var/lib/npanel/removed/op/database-al_shop.sql.draft")


def _dump_failed() -> Reply:
    return Reply(exit_status=2, stderr=b"mariadb-dump: Error 145: table is marked as crashed")


def test_a_second_removal_keeps_the_first_ones_dump(node: FakeNode) -> None:
    apply(node, None, SHOP)
    node.mariadb.databases["al_shop"].data = "rows"
    apply(node, SHOP, None, removed_id="op")
    apply(node, SHOP, None, removed_id="op")
    apply(node, None, SHOP, removed_id="op")
    assert node.mariadb.databases["al_shop"].data == "rows"


def test_a_hash_in_an_error_is_hidden() -> None:
    error = said(CommandFailed(f"near '{HASH}' and '{HASH.lower()}'", argv=("mariadb",), exit_status=1))
    assert error.detail == "near '(hash)' and '(hash)'" and error.exit_status == 1


def test_probes_of_what_is_not_there_fail(node: FakeNode) -> None:
    for resource in (SHOP, USER):
        with pytest.raises(ProbeFailed):
            perform(node, MariaDb().probe(resource, FACTS))
    assert perform(node, MariaDb().probe(Package("x"), FACTS)) == ""


def test_the_setup_fits_the_node() -> None:
    setup = state_of(MariaDb().setup(FACTS))
    (file,) = [resource for resource in setup.values() if isinstance(resource, NodeFile)]
    assert "innodb-buffer-pool-size = 512M\n" in file.content and "bind-address = 127.0.0.1\n" in file.content
    assert [each for each in setup.values() if isinstance(each, DaemonUnit)] == [
        DaemonUnit("mariadb.service", daemon="mariadb", files=(file.path,))
    ]
    small = MariaDb().setup(replace(FACTS, memory_mb=256))
    assert any("= 64M" in each.content for each in small if isinstance(each, NodeFile))


def test_only_a_new_configuration_restarts_the_server(node: FakeNode) -> None:
    perform(node, MariaDb().validate([Change(*SHOP.ref, None, SHOP)]))
    perform(node, MariaDb().activate([Change(*SHOP.ref, None, SHOP)]))
    assert node.round_trips == 0
    (file,) = [each for each in MariaDb().setup(FACTS) if isinstance(each, NodeFile)]
    perform(node, MariaDb().activate([Change(*file.ref, None, file)]))
    (_, request) = node.requests[-1]
    assert isinstance(request, Run) and request.argv == ("systemctl", "restart", "mariadb.service")
