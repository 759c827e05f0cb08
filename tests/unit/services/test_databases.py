"""Databases and their accounts: what the node's MariaDB holds, and that no password is kept."""

import json

import pytest

from audit.models import Event
from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import Database, DatabaseGrant, DatabaseUser, HostingService, JournalEntry, Operation
from hosting.services.databases import (
    create_database,
    create_database_user,
    delete_database,
    delete_database_user,
    password_hash,
    set_password,
)
from hosting.services.operations import rollback_operation
from tests.factories import make_service
from tests.people import operator
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service."""
    return world.host("example.com", username="alice")


def add_both(world: World, service: HostingService) -> DatabaseUser:
    """A database and an account with all rights on it."""
    world.run(create_database(actor=world.actor, service=service, name="Shop"))
    world.run(
        create_database_user(
            actor=world.actor, service=service, name="alice_shop", password=PASSWORD, databases=Database.objects.all()
        )
    )
    return DatabaseUser.objects.get()


def test_the_hash_is_mariadbs_own() -> None:
    # SELECT PASSWORD('password') of MariaDB 10.11
    assert password_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"


def test_a_database_and_its_account_are_made(world: World, service: HostingService) -> None:
    user = add_both(world, service)
    assert list(world.server.mariadb.databases) == ["alice_shop"]
    account = world.server.mariadb.users["alice_shop", "localhost"]
    assert account.password_hash == password_hash(PASSWORD) and not account.locked
    assert len(account.rights) == 1
    event = Event.objects.get(verb="operation.database_user_change", outcome="requested")
    assert event.after == {"user": str(user), "databases": ["alice_shop"]}


def test_a_service_may_come_with_its_first_database(world: World) -> None:
    world.host("example.org", username="bob", database="main", database_password=PASSWORD)
    assert list(world.server.mariadb.databases) == ["bob_main"]
    assert ("bob_main", "localhost") in world.server.mariadb.users


def test_the_password_is_nowhere_and_its_hash_is_sealed(world: World, service: HostingService) -> None:
    user = add_both(world, service)
    world.run(set_password(actor=world.actor, user=user, password=f"another {PASSWORD}"))
    kept = [*Operation.objects.values(), *JournalEntry.objects.values(), *Event.objects.values()]
    text = json.dumps(kept, default=str)
    assert PASSWORD not in text
    assert password_hash(PASSWORD) not in text and password_hash(f"another {PASSWORD}") not in text
    for _context, request in world.server.requests:
        assert PASSWORD not in str(getattr(request, "argv", ()))
        assert password_hash(PASSWORD) not in str(getattr(request, "argv", ()))


def test_a_changed_password_is_taken_up_and_rolled_back(world: World, service: HostingService) -> None:
    user = add_both(world, service)
    change = world.run(set_password(actor=world.actor, user=user, password="another correct horse"))
    account = ("alice_shop", "localhost")
    assert world.server.mariadb.users[account].password_hash == password_hash("another correct horse")
    rollback = world.run(rollback_operation(actor=world.actor, operation=change))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert world.server.mariadb.users[account].password_hash == password_hash(PASSWORD)
    user.refresh_from_db()
    assert user.password_hash == password_hash(PASSWORD)


def test_an_account_goes_and_its_database_stays(world: World, service: HostingService) -> None:
    user = add_both(world, service)
    world.run(delete_database_user(actor=world.actor, user=user))
    assert world.server.mariadb.users == {} and list(world.server.mariadb.databases) == ["alice_shop"]


def test_a_database_goes_with_the_rights_on_it_and_comes_back_with_its_data(
    world: World, service: HostingService
) -> None:
    add_both(world, service)
    world.server.mariadb.databases["alice_shop"].data = "precious rows"
    removal = world.run(delete_database(actor=world.actor, database=Database.objects.get()))
    assert removal.state == OperationState.SUCCEEDED, removal.error
    assert world.server.mariadb.databases == {} and not DatabaseGrant.objects.exists()
    assert not world.server.mariadb.users["alice_shop", "localhost"].rights
    rollback = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert world.server.mariadb.databases["alice_shop"].data == "precious rows"
    assert DatabaseGrant.objects.get().database.name == "alice_shop"
    service.refresh_from_db()
    assert not service.out_of_sync


@pytest.mark.parametrize("name", ["", "sh-op", "sh op", "shöp", "shop;drop", "../x", "shop\n--", "s" * 60, "`shop`"])
def test_bad_names_are_refused(name: str) -> None:
    service, before = make_service(), snapshot()
    for call in (
        lambda: create_database(actor=operator(), service=service, name=name),
        lambda: create_database_user(actor=operator(), service=service, name=name, password=PASSWORD),
    ):
        with pytest.raises(HostingError) as refusal:
            call()
        assert (refusal.value.code, refusal.value.field) == ("invalid", "name")
    assert snapshot()["Database"] == snapshot()["DatabaseUser"] == 0 and snapshot()["Event"] == before["Event"]


def test_a_taken_name_is_refused() -> None:
    service = make_service(username="alice")
    create_database(actor=operator(), service=service, name="shop")
    before = snapshot()
    for name in ("shop", "SHOP", " alice_shop "):
        with pytest.raises(HostingError) as refusal:
            create_database(actor=operator(), service=service, name=name)
        assert (refusal.value.code, refusal.value.field) == ("invalid", "name")
    assert snapshot() == before


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.0/8", "' OR '1'='1", "10.0.\n0.1", "", "fe80::1%x"])
def test_bad_hosts_are_refused(host: str) -> None:
    with pytest.raises(HostingError) as refusal:
        create_database_user(actor=operator(), service=make_service(), name="shop", password=PASSWORD, host=host)
    assert (refusal.value.code, refusal.value.field) == ("invalid", "host")


@pytest.mark.parametrize(
    ("typed", "kept"), [("LocalHost", "localhost"), (" 10.0.% ", "10.0.%"), ("2001:DB8::1", "2001:db8::1"), ("%", "%")]
)
def test_hosts_have_one_spelling(typed: str, kept: str) -> None:
    create_database_user(actor=operator(), service=make_service(), name="shop", password=PASSWORD, host=typed)
    assert DatabaseUser.objects.get().host == kept


def test_a_database_of_another_service_is_not_given_away() -> None:
    mine, theirs = make_service(username="alice"), make_service(username="bob")
    create_database(actor=operator(), service=theirs, name="secret")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        create_database_user(
            actor=operator(), service=mine, name="spy", password=PASSWORD, databases=[Database.objects.get()]
        )
    assert refusal.value.code == "foreign_database" and snapshot() == before


def test_names_can_not_reach_into_another_services_space() -> None:
    service = make_service(username="alice")
    make_service(username="bob")
    create_database(actor=operator(), service=service, name="bob_secret")
    assert Database.objects.get().name == "alice_bob_secret"
