"""Plans, approvals, and waiting for an end, as a program meets them."""

import threading
from typing import Any

import pytest
from django.db import connection

from hosting.choices import OperationState
from hosting.models import Operation
from hosting.operations import runner
from tests import factories, people
from tests.unit.api.caller import Caller, code
from tests.unit.services.world import World


def _service(world: World) -> dict[str, Any]:
    return {
        "customer": factories.make_customer().pk,
        "node": world.node.pk,
        "plan": factories.make_plan().pk,
        "domain": "shop.test",
    }


def test_a_service_from_the_first_request_to_a_visitor(world: World) -> None:
    caller = Caller(people.admin())
    asked = caller.post("services", _service(world))
    assert asked.status_code == 202, asked.content
    operation = asked.json()
    assert (operation["state"], operation["plan"]["known"]) == ("pending", False)
    assert asked["Location"] == f"/api/v1/operations/{operation['id']}"
    world.work()
    done = caller.get(f"operations/{operation['id']}").json()
    assert (done["state"], done["error"]) == ("succeeded", None)
    assert done["possible"]["roll_back"] is True
    assert world.status("shop.test") == 200
    undone = caller.post(f"operations/{operation['id']}/rollback", {"reason": "not wanted"})
    assert undone.status_code == 202
    world.work()  # it removes a Linux user, so it has to be confirmed
    path = f"operations/{undone.json()['id']}"
    shown = caller.post(f"{path}/prepare").json()
    wanted = {"token": shown["token"], "digest": shown["plan_digest"], "reason": "not wanted"}
    assert caller.post(f"{path}/confirm", wanted).status_code == 202
    world.work()
    assert world.status("shop.test") == 0


def test_a_plan_is_shown_and_then_approved(world: World) -> None:
    caller = Caller(people.admin())
    operation = caller.post("services?plan=1", _service(world)).json()
    assert operation["needs_approval"] is True
    world.work()
    planned = caller.get(f"operations/{operation['id']}?wait=5").json()
    assert planned["state"] == "planned"
    assert {change["kind"] for change in planned["plan"]["changes"]} >= {"system_user", "virtual_host", "dns_zone"}
    assert world.status("shop.test") == 0
    path = f"operations/{operation['id']}/approve"
    assert code(caller.post(path, {"digest": "0" * 64})) == (409, "stale_plan")
    approved = caller.post(path, {"digest": planned["plan_digest"]})
    assert (approved.status_code, approved.json()["state"]) == (202, "pending")
    world.work()
    assert world.status("shop.test") == 200


def test_a_plan_is_shown_and_then_cancelled(world: World) -> None:
    caller = Caller(people.admin())
    service = world.host("shop.test")
    operation = caller.post("domains?plan=true", {"service": service.pk, "name": "more.test"}).json()
    world.work()
    cancelled = caller.post(f"operations/{operation['id']}/cancel", {"reason": "no"})
    assert cancelled.json()["state"] == "cancelled"
    world.work()
    assert world.status("more.test") == 0
    assert caller.ids(f"domains?service={service.pk}&name=more.test") == []


def test_secrets_are_in_no_answer(world: World) -> None:
    caller = Caller(people.admin())
    service = world.host("shop.test")
    made = caller.post("databases/with-user", {"service": service.pk, "name": "x", "password": "long enough for it"})
    world.work()
    seen = caller.get(f"operations/{made.json()['id']}").content.decode() + caller.get("nodes").content.decode()
    assert made.status_code == 202
    assert "long enough" not in seen
    assert "sealed" not in seen
    assert "private" not in seen.lower()


def test_waiting_ends_when_the_operation_ends(transactional_db: None) -> None:
    caller, operation = Caller(people.admin()), factories.make_operation()

    def end() -> None:
        Operation.objects.filter(pk=operation.pk).update(state=OperationState.CANCELLED)
        connection.close()

    timer = threading.Timer(0.4, end)
    timer.start()
    answer = caller.get(f"operations/{operation.pk}?wait=30")
    timer.join()
    assert answer.json()["state"] == "cancelled"
    assert "Retry-After" not in answer


def test_waiting_has_an_end_of_its_own(admin: Caller) -> None:
    operation = factories.make_operation()
    assert admin.get(f"operations/{operation.pk}?wait=1").json()["state"] == "pending"
    for wish in ("31", "-1", "soon"):
        assert code(admin.get(f"operations/{operation.pk}?wait={wish}")) == (422, "invalid")


def test_only_so_many_wait(admin: Caller, settings: Any) -> None:
    settings.NPANEL_API_WAITERS = 0
    answer = admin.get(f"operations/{factories.make_operation().pk}?wait=30")
    assert (answer.status_code, answer["Retry-After"]) == (200, "2")


def test_one_person_does_not_take_all_places(admin: Caller, settings: Any) -> None:
    from hosting.api.waiting import Places

    settings.NPANEL_API_WAITERS, settings.NPANEL_API_WAITERS_EACH = 3, 2
    places = Places()
    with places.place(1) as first, places.place(1) as second, places.place(1) as third, places.place(2) as other:
        assert (first, second, third, other) == (True, True, False, True)
        with places.place(3) as full:
            assert full is False
    with places.place(1) as again:
        assert again is True


@pytest.mark.parametrize("act", ["retry", "discard"])
def test_failed_operations(world: World, act: str) -> None:
    caller = Caller(people.admin())
    operation = factories.make_operation(state=OperationState.SUCCEEDED)
    assert code(caller.post(f"operations/{operation.pk}/{act}")) == (409, "wrong_state")


def test_nodes_and_drift_of_an_operator(world: World) -> None:
    caller = Caller(people.admin())
    node = caller.get(f"nodes/{world.node.pk}").json()
    assert (node["state"], node["php_versions"]) == ("ready", ["8.4", "8.2"])
    assert caller.post(f"nodes/{world.node.pk}/scan").status_code == 204
    assert code(caller.post(f"nodes/{world.node.pk}/resume")) == (409, "wrong_state")
    bootstrap = caller.post(f"nodes/{world.node.pk}/bootstrap?plan=1")
    assert bootstrap.status_code == 202
    runner.run(bootstrap.json()["id"])
    assert caller.get(f"operations/{bootstrap.json()['id']}").json()["kind"] == "node_bootstrap"
    added = caller.post("nodes", {"name": "second", "address": "192.0.2.9"})
    assert added.status_code == 201
    assert added.json()["public_key"].startswith("ssh-ed25519 ")
