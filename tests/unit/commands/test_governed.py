"""Deleting, restoring, purging and bulk runs from a terminal: what is governed takes a token and a reason."""

from typing import Any

import pytest

from hosting.choices import ServiceState
from hosting.models import HostingService
from tests.unit.commands.conftest import Manage
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db


def delete(manage: Manage, command: str = "service_delete") -> dict[str, Any]:
    """Prepare a removal and confirm it with the token that was shown."""
    prepared = manage(command, "alice", "--yes", "--json")
    assert (prepared.status, prepared.data["state"]) == (2, "planned")
    done = manage(command, "alice", "--confirm", prepared.data["token"], "--reason", "contract ended", "--json")
    assert (done.status, done.data["state"]) == (0, "succeeded"), done
    return dict(done.data)


def test_a_deletion_is_confirmed_with_token_and_reason(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    prepared = manage("service_delete", "alice")
    assert prepared.status == 2 and "High risk. Reversible from kept data. Touches: " in prepared.out
    token = prepared.err.split("operation_confirm ")[1].split()[1]
    for arguments, code in (
        (("--confirm", "wrong", "--reason", "x"), "wrong_token"), (("--confirm", token), "reason_missing"),
    ):  # fmt: skip
        refused = manage("service_delete", "alice", *arguments)
        assert refused.status == 1 and code in refused.err and world.status("example.com") == 200
    assert manage("service_delete", "alice", "--confirm", token, "--reason", "contract ended").status == 0
    assert world.status("example.com") == 0
    assert manage("service_restore", "alice", "--yes").status == 0
    assert world.status("example.com") == 200


@pytest.mark.parametrize(("typed", "status", "served"), [("alice", 0, 0), ("yes", 2, 200), ("", 2, 200)])
def test_a_person_types_the_name_of_what_is_deleted(
    manage: Manage, world: World, typed: str, status: int, served: int
) -> None:
    world.host("example.com", username="alice")
    ran = manage("service_delete", "alice", "--reason", "contract ended", typed=typed)
    assert (ran.status, world.status("example.com")) == (status, served)
    assert HostingService.objects.get().state == ("active" if served else "soft_deleted")


def test_a_token_that_was_lost_is_made_anew(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    old = manage("service_delete", "alice", "--json").data
    new = manage("operation_confirm", old["operation"], "--again", "--json").data
    assert manage("operation_confirm", old["operation"], old["token"], "--reason", "x").status == 1
    assert world.status("example.com") == 200
    assert manage("operation_confirm", old["operation"], new["token"], "--reason", "x").status == 0
    assert world.status("example.com") == 0


def test_a_governed_plan_can_not_be_approved(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    plan = manage("service_delete", "alice", "--json").data
    refused = manage("operation_approve", plan["operation"], plan["plan"]["digest"], "--json")
    assert refused.status == 1 and refused.data["error"]["code"] == "needs_confirmation"
    assert world.status("example.com") == 200


def test_a_purge_ends_a_service_for_good(manage: Manage, world: World) -> None:
    service = world.host("example.com", username="alice")
    assert manage("service_purge", "alice", "--json").data["error"]["code"] == "wrong_state"
    delete(manage)
    delete(manage, "service_purge")
    service.refresh_from_db()
    assert service.state == ServiceState.TERMINATED and service.username_key is None
    assert manage("service_restore", "alice", "--yes", "--json").data["error"]["code"] == "wrong_state"


def test_many_services_are_suspended_with_a_result_for_each(manage: Manage, world: World) -> None:
    for name in ("alice", "bob"):
        world.host(f"{name}.test", username=name)
    assert manage("service_suspend", "bob", "--yes").status == 0
    ran = manage("bulk", "suspend", "alice", "bob", "--reason", "unpaid", "--json")
    assert (ran.status, ran.data["state"]) == (1, "partial")
    assert {row["service"]: row["state"] for row in ran.data["rows"]} == {"alice": "succeeded", "bob": "refused"}
    assert world.status("alice.test") == 503
    assert manage("bulk", "resume", "alice", "bob").status == 0
    assert world.status("alice.test") == world.status("bob.test") == 200


def test_many_services_are_deleted_once_that_is_confirmed(manage: Manage, world: World) -> None:
    for name in ("alice", "bob"):
        world.host(f"{name}.test", username=name)
    prepared = manage("bulk", "delete", "alice", "bob", "--json")
    assert prepared.status == 2 and world.status("alice.test") == 200
    run, token = prepared.data["run"], prepared.data["token"]
    assert manage("bulk", "confirm", run, "--token", "wrong", "--reason", "x").status == 1
    done = manage("bulk", "confirm", run, "--token", token, "--reason", "contract ended", "--json")
    assert (done.status, done.data["counts"]["succeeded"]) == (0, 2)
    assert world.status("alice.test") == world.status("bob.test") == 0
