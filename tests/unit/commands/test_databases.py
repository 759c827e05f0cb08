"""Database commands without somebody to ask, and what ``service_rollback`` takes for the last operation."""

from typing import Any

import pytest

from hosting.choices import OperationKind, OperationState
from hosting.models import Database, DatabaseUser, Operation
from hosting.services.databases import password_hash
from hosting.services.operations import cancel_operation, rollback_operation
from hosting.services.sites import suspend_service
from tests.unit.commands.conftest import Manage
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
CREATE = ("database_create", "alice", "shop")
OLD = "correct horse battery"


@pytest.fixture(autouse=True)
def alice(world: World) -> Any:
    """The customer whose databases these are."""
    return world.host("example.com", username="alice")


def test_a_database_and_its_account_are_one_operation(manage: Manage, world: World) -> None:
    before = Operation.objects.count()
    assert manage(*CREATE, "--yes", "--reason", "asked by phone").status == 0
    assert Operation.objects.count() == before + 1
    operation = Operation.objects.latest("created_at")
    assert (operation.kind, operation.reason) == (OperationKind.ADD_DATABASE, "asked by phone")
    assert operation.refs is not None and len(operation.refs) == 2
    assert manage("service_rollback", "alice", "--yes").status == 0
    assert not world.server.mariadb.databases and ("alice_shop", "localhost") not in world.server.mariadb.users
    assert not Database.objects.exists() and not DatabaseUser.objects.exists()


@pytest.mark.parametrize("given", ["short\n", "\n", ""])
def test_a_bad_password_leaves_no_database(manage: Manage, given: str) -> None:
    before = snapshot()
    ran = manage(*CREATE, "--password-stdin", "--yes", "--json", piped=given)
    assert (ran.status, ran.data["error"]["code"]) == (1, "weak_password")
    assert snapshot() == before


def test_a_planned_database_waits_and_is_made_once_approved(manage: Manage, world: World) -> None:
    ran = manage(*CREATE, "--password-stdin", "--json", piped=f"{OLD}\n")
    assert (ran.status, ran.data["state"]) == (2, "planned") and not world.server.mariadb.databases
    assert manage("operation_approve", ran.data["operation"], ran.data["plan"]["digest"]).status == 0
    assert world.server.mariadb.users["alice_shop", "localhost"].password_hash == password_hash(OLD)


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_a_database_that_is_only_planned_leaves_nothing(manage: Manage, world: World, yes: tuple[str, ...]) -> None:
    ran = manage(*CREATE, "--plan-only", *yes)
    assert ran.status == 2 and "Password" not in ran.out
    world.work()
    assert not world.server.mariadb.databases
    assert not Database.objects.exists() and not DatabaseUser.objects.exists()


def test_who_says_no_gets_no_password(manage: Manage, world: World) -> None:
    ran = manage(*CREATE, typed="no")
    assert ran.status == 2 and "Password" not in ran.out + ran.err
    world.work()
    assert not Database.objects.exists() and not DatabaseUser.objects.exists()


@pytest.mark.parametrize("how", [{}, {"typed": "yes"}], ids=["no terminal", "json never asks"])
@pytest.mark.parametrize("command", ["create", "password"])
def test_a_made_password_that_nobody_would_see_is_refused(manage: Manage, command: str, how: dict[str, str]) -> None:
    assert manage("database_create", "alice", "blog", "--yes").status == 0
    before = snapshot()
    arguments = CREATE if command == "create" else ("database_password", "alice_blog")
    ran = manage(*arguments, *(["--json"] if how else []), **how)
    assert ran.status == 1 and ran.err.startswith("needs_yes: ") and "--yes" in ran.err
    assert snapshot() == before


@pytest.mark.parametrize("how", [{"typed": "yes"}, {}])
def test_another_made_password_is_shown_once_and_works(manage: Manage, world: World, how: dict[str, str]) -> None:
    manage(*CREATE, "--yes")
    ran = manage("database_password", "alice_shop", *([] if how else ["--yes"]), **how)
    assert ran.status == 0, ran.err
    (line,) = [line for line in ran.out.splitlines() if "shown once" in line]
    made = line.rpartition(": ")[2]
    assert world.server.mariadb.users["alice_shop", "localhost"].password_hash == password_hash(made)
    as_json = manage("database_password", "alice_shop", "--yes", "--json")
    account = world.server.mariadb.users["alice_shop", "localhost"]
    assert account.password_hash == password_hash(as_json.data["password"])


def test_a_made_password_that_waits_for_its_node_is_shown_too(manage: Manage, world: World) -> None:
    world.server.down = True
    ran = manage(*CREATE, "--yes", "--timeout", "0", "--json")
    assert (ran.status, ran.data["state"]) == (1, "pending")
    world.server.down = False
    Operation.objects.update(not_before=None)
    world.work()
    account = world.server.mariadb.users["alice_shop", "localhost"]
    assert account.password_hash == password_hash(ran.data["password"])


@pytest.mark.parametrize("state", [OperationState.CANCELLED, OperationState.FAILED, OperationState.ROLLED_BACK])
def test_a_rollback_that_came_to_nothing_can_be_asked_for_again(
    manage: Manage, world: World, alice: Any, state: OperationState
) -> None:
    suspended = world.run(suspend_service(actor=world.actor, service=alice))
    rollback = rollback_operation(actor=world.actor, operation=suspended, wait_for_approval=True)
    cancel_operation(actor=world.actor, operation=rollback)
    Operation.objects.filter(pk=rollback.pk).update(state=state)
    world.work()
    assert world.status("example.com") == 503
    ran = manage("service_rollback", "alice", "--yes", "--json")
    assert (ran.status, world.status("example.com")) == (0, 200), ran.err


def test_what_was_rolled_back_is_not_rolled_back_again(manage: Manage, world: World, alice: Any) -> None:
    suspended = world.run(suspend_service(actor=world.actor, service=alice))
    assert manage("service_rollback", "alice", "--yes").status == 0
    ran = manage("service_rollback", "alice", "--plan-only", "--json")
    assert ran.status in (1, 2)
    reverted = Operation.objects.filter(kind=OperationKind.ROLLBACK).values_list("reverts", flat=True)
    assert list(reverted).count(suspended.pk) == 1
