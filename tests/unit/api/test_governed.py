"""What can spoil much, through the API: prepared, confirmed once, recorded when refused; and many services at once."""

from typing import Any

import pytest

from audit.choices import Outcome
from audit.models import Event
from hosting.choices import OperationState, ServiceState, WebhookEvent
from hosting.models import ApiIdempotencyKey, HostingService, Intent, Operation, Webhook, WebhookDelivery
from hosting.services import bulk
from hosting.services.sites import delete_service, suspend_service
from tests import factories, people
from tests.unit.api.caller import Caller, code
from tests.unit.services.world import World


@pytest.fixture
def service(world: World) -> HostingService:
    return world.host("shop.test")


def deletion(caller: Caller, world: World, service: HostingService) -> str:
    """The path of a deletion whose plan is there."""
    answer = caller.delete(f"services/{service.pk}")
    assert answer.status_code == 202
    world.work()
    return f"operations/{answer.json()['id']}"


def prepared(caller: Caller, path: str) -> dict[str, str]:
    """What confirms it."""
    answer = caller.post(f"{path}/prepare")
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    return {"token": shown["token"], "digest": shown.get("plan_digest") or shown["digest"], "reason": "it ended"}


def refusals() -> int:
    """Confirmations that were refused, as the audit log has them."""
    return Event.objects.filter(verb__in=("intent.confirm", "bulk.confirm"), outcome=Outcome.DENIED).count()


def test_a_deletion_is_shown_confirmed_and_restored(admin: Caller, world: World, service: HostingService) -> None:
    path = deletion(admin, world, service)
    planned = admin.get(path).json()
    assert (planned["state"], planned["possible"]["approve"], planned["possible"]["confirm"]) == (
        "planned",
        False,
        True,
    )
    assert (planned["intent"]["state"], planned["intent"]["risk"]) == ("waiting", "high")
    assert "token" not in planned and "token" not in planned["intent"]
    digest = {"digest": planned["plan_digest"]}
    assert code(admin.post(f"{path}/approve", digest)) == (409, "needs_confirmation")
    wanted = prepared(admin, path)
    assert admin.post(f"{path}/confirm", wanted).status_code == 202
    world.work()
    assert world.status("shop.test") == 0
    assert admin.get(f"services/{service.pk}").json()["state"] == "soft_deleted"
    assert code(admin.post(f"{path}/confirm", wanted)) == (409, "intent_closed")
    assert admin.post(f"services/{service.pk}/restore", {"reason": "a mistake"}).status_code == 202
    world.work()
    assert world.status("shop.test") == 200


def test_a_refused_confirmation_is_recorded_with_a_key_too(
    admin: Caller, world: World, service: HostingService
) -> None:
    """The key's transaction must not take the record of the refusal away with it."""
    path = deletion(admin, world, service)
    wanted = prepared(admin, path)
    wrong = wanted | {"token": "guessed"}
    assert code(admin.post(f"{path}/confirm", wrong, Idempotency_Key="a")) == (422, "wrong_token")
    assert code(admin.post(f"{path}/confirm", wanted | {"digest": "x"})) == (409, "stale_plan")
    assert refusals() == 2
    assert not ApiIdempotencyKey.objects.exists()  # what was refused may be tried again with the same key


def test_a_confirmation_sent_twice_gets_the_same_answer(admin: Caller, world: World, service: HostingService) -> None:
    path = deletion(admin, world, service)
    wanted = prepared(admin, path)
    first, second = (admin.post(f"{path}/confirm", wanted, Idempotency_Key="a") for _ in range(2))
    assert (first.status_code, second.status_code, second["Idempotency-Replayed"]) == (202, 202, "true")
    assert first.json() == second.json()
    kept = str(list(ApiIdempotencyKey.objects.values())) + str(list(Intent.objects.values()))
    assert wanted["token"] not in kept


def test_a_token_is_never_kept_and_each_is_another(admin: Caller, world: World, service: HostingService) -> None:
    path = deletion(admin, world, service)
    one, two = (admin.post(f"{path}/prepare", Idempotency_Key="a").json()["token"] for _ in range(2))
    assert one != two
    assert not ApiIdempotencyKey.objects.exists()
    assert one not in str(list(Event.objects.values())) + str(list(WebhookDelivery.objects.values()))


def test_only_who_asked_confirms(admin: Caller, world: World, service: HostingService) -> None:
    path = deletion(admin, world, service)
    colleague = people.stranger()
    colleague.role = "admin"
    colleague.save()
    assert code(Caller(colleague).post(f"{path}/prepare")) == (403, "other_actor")
    wanted = prepared(admin, path)
    assert code(Caller(colleague).post(f"{path}/confirm", wanted)) == (403, "other_actor")
    assert refusals() == 1
    operation = Operation.objects.get(pk=path.rpartition("/")[2])
    assert operation.state == OperationState.PLANNED


def test_resellers_leave_what_an_operator_took_down(world: World, customer_interface: None) -> None:
    """They neither call off nor take back an operator's suspension or deletion; their own they do."""
    north = factories.make_reseller()
    customer = factories.make_customer(reseller=north)
    service = world.host("shop.test", customer=customer, plan=factories.make_plan(reseller=north))
    seller = Caller(people.reseller(north))
    suspended = world.run(suspend_service(actor=people.operator(), service=service))
    for act, data in (("rollback", {}), ("cancel", {}), ("discard", {})):
        assert code(seller.post(f"operations/{suspended.pk}/{act}", data)) == (403, "forbidden")
    assert code(seller.post(f"services/{service.pk}/resume")) == (403, "forbidden")
    removed = delete_service(actor=people.operator(), service=service)
    world.work()
    for act in ("cancel", "prepare"):
        assert code(seller.post(f"operations/{removed.pk}/{act}")) == (403, "forbidden")
    world.run(world.confirm(removed))
    for path in (f"services/{service.pk}/restore", f"operations/{removed.pk}/rollback"):
        assert code(seller.post(path)) == (403, "forbidden")
    service.refresh_from_db()
    assert service.state == ServiceState.SOFT_DELETED


def test_resellers_delete_and_restore_what_is_theirs(world: World, customer_interface: None) -> None:
    north = factories.make_reseller()
    customer = factories.make_customer(reseller=north)
    service = world.host("shop.test", customer=customer, plan=factories.make_plan(reseller=north))
    seller = Caller(people.reseller(north))
    path = deletion(seller, world, service)
    assert code(Caller(people.member(customer)).post(f"{path}/prepare")) == (403, "forbidden")
    assert code(Caller(people.member(customer)).post(f"{path}/cancel")) == (403, "forbidden")
    assert seller.post(f"{path}/confirm", prepared(seller, path)).status_code == 202
    world.work()
    assert code(seller.post(f"services/{service.pk}/purge")) == (403, "forbidden")
    assert seller.post(f"services/{service.pk}/restore").status_code == 202


def test_a_reseller_names_no_node(world: World, customer_interface: None) -> None:
    north = factories.make_reseller()
    data = {
        "customer": factories.make_customer(reseller=north).pk,
        "plan": factories.make_plan(reseller=north).pk,
        "domain": "shop.test",
    }
    seller = Caller(people.reseller(north))
    answer = seller.post("services", data | {"node": world.node.pk})
    assert code(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "node"
    assert seller.post("services", data).status_code == 202
    assert HostingService.objects.get().node == world.node


def test_webhooks_hear_of_confirmations(admin: Caller, world: World, service: HostingService) -> None:
    for url, customer in (("https://a.test", service.customer), ("https://b.test", factories.make_customer())):
        Webhook.objects.create(url=url, events=WebhookEvent.values, secret_sealed="x", customer=customer)

    def heard() -> list[str]:
        told = WebhookDelivery.objects.order_by("created_at", "pk")
        assert {row.webhook.url for row in told} <= {"https://a.test"}
        return sorted(row.event for row in told)

    path = deletion(admin, world, service)
    assert heard() == ["intent.waiting"]
    waiting = WebhookDelivery.objects.get().payload["data"]
    assert (waiting["intent"]["risk"], waiting["operation"]["kind"]) == ("high", "service_delete")
    admin.post(f"{path}/cancel")
    assert heard() == ["intent.cancelled", "intent.waiting", "operation.finished"]  # the service stayed as it was
    WebhookDelivery.objects.all().delete()
    path = deletion(admin, world, service)
    admin.post(f"{path}/confirm", prepared(admin, path))
    world.work()
    assert heard() == ["intent.confirmed", "intent.waiting", "operation.finished", "service.state_changed"]
    changed = WebhookDelivery.objects.get(event="service.state_changed").payload["data"]["service"]
    assert (changed["previous_state"], changed["state"]) == ("active", "soft_deleted")


def test_many_services_at_once(admin: Caller, world: World) -> None:
    services = [world.host(f"shop{number}.test") for number in range(3)]
    wanted: dict[str, Any] = {"kind": "service_suspend", "services": [row.pk for row in services], "reason": "unpaid"}
    run = admin.post("bulk-runs", wanted, Idempotency_Key="a")
    assert (run.status_code, run.json()["state"], run.json()["total"]) == (201, "running", 3)
    assert admin.post("bulk-runs", wanted, Idempotency_Key="a").json()["id"] == run.json()["id"]
    bulk.advance_all()
    world.work()
    bulk.advance_all()
    done = admin.get(f"bulk-runs/{run.json()['id']}").json()
    assert (done["state"], done["counts"]["succeeded"]) == ("succeeded", 3)
    items = admin.get(f"bulk-items?run={run.json()['id']}").json()["results"]
    assert [item["name"] for item in items] == [row.username for row in services]
    assert code(admin.post("bulk-runs", wanted | {"services": [services[0].pk, 9999]})) == (422, "invalid")
    assert code(admin.post("bulk-runs", wanted | {"php_version": "8.2"})) == (422, "wrong_options")


def test_a_run_that_deletes_is_confirmed_as_a_whole(admin: Caller, world: World) -> None:
    services = [world.host(f"shop{number}.test") for number in range(2)]
    wanted = {"kind": "service_delete", "services": [row.pk for row in services]}
    run = admin.post("bulk-runs", wanted).json()
    path = f"bulk-runs/{run['id']}"
    assert (run["state"], run["intent"]["state"]) == ("waiting", "waiting")
    confirmation = prepared(admin, path)
    refused = admin.post(f"{path}/confirm", confirmation | {"token": "guessed"}, Idempotency_Key="a")
    assert code(refused) == (422, "wrong_token")
    assert refusals() == 1
    assert admin.post(f"{path}/confirm", confirmation, Idempotency_Key="a").json()["state"] == "running"
    bulk.advance_all()
    world.work()
    bulk.advance_all()
    assert admin.get(path).json()["state"] == "succeeded"
    assert [world.status(f"shop{number}.test") for number in range(2)] == [0, 0]


def test_bulk_runs_are_the_operators_alone(world: World, customer_interface: None) -> None:
    north = factories.make_reseller()
    customer = factories.make_customer(reseller=north)
    service = world.host("shop.test", customer=customer, plan=factories.make_plan(reseller=north))
    wanted = {"kind": "service_suspend", "services": [service.pk]}
    for person in (people.reseller(north), people.member(customer)):
        assert code(Caller(person).post("bulk-runs", wanted)) == (403, "forbidden")
        assert Caller(person).ids("bulk-runs") == Caller(person).ids("bulk-items") == []
