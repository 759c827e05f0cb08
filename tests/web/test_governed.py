"""Confirming and bulk runs in the console, as the person who asked, a colleague and a stranger see them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.choices import Role
from accounts.models import User
from hosting.choices import BulkState, OperationKind, OperationState, ServiceState
from hosting.models import BulkRun, HostingService, Intent, Operation
from hosting.services import bulk
from hosting.services.intents import expire_intents
from tests.people import operator
from tests.unit.services.world import World
from tests.web.conftest import signed_in
from tests.web.pages import act, words

pytestmark = pytest.mark.django_db
SERVICES = "/admin/hosting/hostingservice/"


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service."""
    return world.host("anna.example", username="anna")


@pytest.fixture
def colleague(db: None) -> Client:
    """Another administrator's browser."""
    return signed_in(User.objects.create_user("colleague@panel.test", "x" * 20, role=Role.ADMIN))


def asked(client: Client, world: World, service: HostingService, action: str = "remove") -> Operation:
    """Ask in the console, and let the worker plan."""
    act(client, service, action, reason="contract ended")
    operation = service.operations.latest("created_at")
    world.run(operation)
    assert operation.state == OperationState.PLANNED
    return operation


def page(client: Client, operation: Operation) -> str:
    return words(client.get(f"/admin/hosting/operation/{operation.pk}/change/"))


def confirm(client: Client, operation: Operation, **changes: str) -> str:
    given = {"digest": operation.plan_digest, "name": "anna", "reason": "contract ended", **changes}
    return words(client.post(f"/admin/hosting/operation/{operation.pk}/confirm/", given, follow=True))


def test_a_deletion_is_shown_in_words_and_confirmed(
    admin_client: Client, world: World, service: HostingService
) -> None:
    operation = asked(admin_client, world, service)
    shown = page(admin_client, operation)
    assert "Takes anna off the web" in shown and "High risk" in shown and "Reversible from kept data" in shown
    assert "Type anna to confirm" in shown and "minutes left" in shown and "Apply this plan" not in shown
    assert "Delete service waits to be confirmed" in words(admin_client.get("/admin/"))
    assert "Type anna to confirm. Nothing was changed." in confirm(admin_client, operation, name="bob")
    assert "A reason is needed." in confirm(admin_client, operation, reason=" ")
    assert world.status("anna.example") == 200
    confirm(admin_client, operation)
    world.work()
    assert world.status("anna.example") == 0
    shown = words(admin_client.get(f"{SERVICES}{service.pk}/change/"))
    assert "This service is deleted." in shown and "Restore service" in shown
    act(admin_client, service, "restore", approval="at_once")
    world.work()
    assert world.status("anna.example") == 200


def test_the_token_is_in_one_browser_only(admin_client: Client, world: World, service: HostingService) -> None:
    operation = asked(admin_client, world, service)
    elsewhere = signed_in(User.objects.get(email="admin@panel.test"))
    assert "Type anna to confirm" not in page(elsewhere, operation)
    assert "not the token" in confirm(elsewhere, operation)
    elsewhere.post(f"/admin/hosting/operation/{operation.pk}/prepare/")
    assert "Type anna to confirm" in page(elsewhere, operation)
    assert "not the token" in confirm(admin_client, operation)
    confirm(elsewhere, operation)
    world.work()
    assert world.status("anna.example") == 0


def test_the_tokens_cookie_is_for_its_page_alone(admin_client: Client, world: World, service: HostingService) -> None:
    answer = admin_client.post(f"{SERVICES}{service.pk}/remove/", {"reason": ""})
    cookie, operation = answer.cookies["npanel_intent"], Operation.objects.latest("created_at")
    assert cookie["path"] == f"/admin/hosting/operation/{operation.pk}/"
    assert cookie["httponly"] and cookie["samesite"] == "Strict" and cookie["max-age"] == 600
    assert cookie.value not in answer.content.decode()
    assert cookie.value not in admin_client.get(answer.headers["Location"]).content.decode()


def test_a_colleague_can_only_cancel(
    admin_client: Client, colleague: Client, world: World, service: HostingService
) -> None:
    operation = asked(admin_client, world, service)
    shown = page(colleague, operation)
    assert "Only admin@panel.test, who asked for it, can confirm it." in shown and "Type anna" not in shown
    assert "Only who asked for it can confirm it." in confirm(colleague, operation)
    answer = colleague.post(f"/admin/hosting/operation/{operation.pk}/prepare/", follow=True)
    assert "Only who asked for it can confirm it." in words(answer)
    colleague.post(f"/admin/hosting/operation/{operation.pk}/cancel/")
    service.refresh_from_db()
    assert service.state == ServiceState.ACTIVE and world.status("anna.example") == 200


def test_support_sees_it_and_can_do_nothing(
    admin_client: Client, support_client: Client, world: World, service: HostingService
) -> None:
    operation = asked(admin_client, world, service)
    assert "Takes anna off the web" in page(support_client, operation)
    for name in ("confirm", "prepare", "cancel"):
        assert support_client.post(f"/admin/hosting/operation/{operation.pk}/{name}/").status_code == 403
    assert 'type="checkbox"' not in support_client.get(SERVICES).content.decode()


def test_what_expired_says_so_and_can_be_prepared_again(
    admin_client: Client, world: World, service: HostingService
) -> None:
    operation = asked(admin_client, world, service)
    Intent.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "The time to confirm it is over." in page(admin_client, operation)
    expire_intents(actor=world.actor)
    shown = admin_client.get(f"/admin/hosting/operation/{operation.pk}/change/")
    assert "Nobody confirmed it within ten minutes" in words(shown)
    assert f'href="{SERVICES}{service.pk}/remove/"' in shown.content.decode()
    assert asked(admin_client, world, service).pk != operation.pk


def test_approving_a_deletion_is_refused(admin_client: Client, world: World, service: HostingService) -> None:
    operation = asked(admin_client, world, service)
    url = f"/admin/hosting/operation/{operation.pk}/approve/"
    assert "has to be confirmed" in words(admin_client.post(url, {"digest": operation.plan_digest}, follow=True))
    world.work()
    assert world.status("anna.example") == 200


def test_a_purge_takes_its_own_confirmation(admin_client: Client, world: World, service: HostingService) -> None:
    confirm(admin_client, asked(admin_client, world, service))
    world.work()
    purge = asked(admin_client, world, service, "purge")
    shown = page(admin_client, purge)
    assert "Irreversible" in shown and "Removes for good what was kept of anna" in shown and "Final archive" in shown
    confirm(admin_client, purge)
    world.work()
    service.refresh_from_db()
    assert service.state == ServiceState.TERMINATED
    assert "Roll back" not in page(admin_client, purge)


# --- many at once --------------------------------------------------------------------------------------------------


def choose(client: Client, kind: OperationKind, *services: HostingService, **more: str) -> str:
    data = {"kind": kind.value, "service": [str(service.pk) for service in services], **more}
    return words(client.post(f"{SERVICES}bulk/", data, follow=True))


def work(world: World) -> BulkRun:
    for _turn in range(5):
        bulk.advance_all()
        world.work()
    return BulkRun.objects.latest("created_at")


def test_chosen_services_are_suspended_with_a_result_a_row(
    admin_client: Client, world: World, service: HostingService
) -> None:
    other = world.host("bob.example", username="bob")
    assert f'name="service" value="{service.pk}"' in admin_client.get(SERVICES).content.decode()
    asks = choose(admin_client, OperationKind.SUSPEND, service, other)
    assert "Suspend 2 services" in asks and "anna" in asks and "bob" in asks and not BulkRun.objects.exists()
    HostingService.objects.filter(pk=other.pk).update(state=ServiceState.SUSPENDED)
    running = choose(admin_client, OperationKind.SUSPEND, service, other, go="1", reason="unpaid")
    assert "0 of 2 done." in running and "unpaid" in running
    run = work(world)
    shown = admin_client.get(f"/admin/hosting/bulkrun/{run.pk}/change/")
    assert "Of 2: 1 succeeded, 1 was refused." in words(shown) and "is suspended, not active" in words(shown)
    operation = Operation.objects.get(kind=OperationKind.SUSPEND)
    assert f"/admin/hosting/operation/{operation.pk}/change/" in shown.content.decode()
    assert world.status("anna.example") == 503
    HostingService.objects.filter(pk=other.pk).update(state=ServiceState.ACTIVE)
    assert "Try 1 failed row again" in words(shown)
    admin_client.post(f"/admin/hosting/bulkrun/{run.pk}/retry/")
    assert work(world).state == BulkState.SUCCEEDED and world.status("bob.example") == 503
    assert "Suspend service" in words(admin_client.get("/admin/hosting/bulkrun/"))


def test_many_are_deleted_after_one_confirmation(
    admin_client: Client, colleague: Client, world: World, service: HostingService
) -> None:
    other = world.host("bob.example", username="bob")
    shown = choose(admin_client, OperationKind.DELETE, service, other, go="1", reason="moved away")
    assert "Takes 2 services off the web" in shown and "Type 2, the number of services, to confirm" in shown
    run = BulkRun.objects.get()
    url = f"/admin/hosting/bulkrun/{run.pk}/"
    assert "× 2 waits to be confirmed" in words(admin_client.get("/admin/"))
    given = {"digest": run.digest, "name": "2", "reason": "moved away"}
    assert "Only who asked" in words(colleague.post(f"{url}confirm/", given, follow=True))
    assert "Type 2 to confirm." in words(admin_client.post(f"{url}confirm/", {**given, "name": "3"}, follow=True))
    work(world)
    assert world.status("anna.example") == world.status("bob.example") == 200
    admin_client.post(f"{url}confirm/", given)
    assert work(world).state == BulkState.SUCCEEDED
    assert world.status("anna.example") == world.status("bob.example") == 0


def test_what_has_not_started_is_cancelled(admin_client: Client, world: World, service: HostingService) -> None:
    choose(admin_client, OperationKind.SUSPEND, service, go="1")
    run = BulkRun.objects.get()
    admin_client.post(f"/admin/hosting/bulkrun/{run.pk}/cancel/")
    assert work(world).state == BulkState.CANCELLED and world.status("anna.example") == 200


@pytest.mark.parametrize("data", [{}, {"kind": "service_suspend"}, {"kind": "service_purge", "service": "1"}])
def test_nothing_chosen_or_nothing_that_is_done_for_many(
    admin_client: Client, service: HostingService, data: dict[str, str]
) -> None:
    answer = admin_client.post(f"{SERVICES}bulk/", data, follow=True)
    assert "Nothing was chosen." in words(answer) and not BulkRun.objects.exists()


def test_a_list_that_did_not_change_is_not_sent_again(
    admin_client: Client, world: World, service: HostingService
) -> None:
    run = bulk.start_bulk(actor=operator(), kind=OperationKind.SUSPEND, services=[service])
    url = f"/admin/hosting/bulkrun/{run.pk}/live/"
    version = admin_client.get(url).content.decode().split('data-version="')[1].split('"')[0]
    assert admin_client.get(url, {"version": version}).status_code == 204
    bulk.advance(run)
    assert admin_client.get(url, {"version": version}).status_code == 200
