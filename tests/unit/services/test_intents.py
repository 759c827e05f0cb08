"""Governed operations: nothing of them happens before the person who asked has confirmed exactly what was shown."""

import dataclasses
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from hosting.choices import IntentState, OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.governance import DECLARED, is_governed
from hosting.models import HostingService, Intent, Operation
from hosting.operations.intents import LIFE
from hosting.services.intents import confirm_intent, expire_intents, issue_token, prepare_again
from hosting.services.operations import approve_operation, cancel_operation, retry_operation, rollback_operation
from hosting.services.sites import delete_service
from tests.confirm import planned
from tests.people import operator
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
COLLEAGUE = dataclasses.replace(operator(), id="2", login="colleague@panel.test")


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service."""
    return world.host("example.com", username="alice")


@pytest.fixture
def deletion(world: World, service: HostingService) -> Operation:
    """Its deletion, planned and waiting to be confirmed."""
    return planned(delete_service(actor=world.actor, service=service))


def refused(code: str, world: World, operation: Operation, **changes: object) -> None:
    """A confirmation that is refused, recorded, and changes nothing."""
    given = {"actor": world.actor, "digest": operation.plan_digest, "reason": "because", **changes}
    before = Event.objects.filter(verb="intent.confirm", outcome="denied").count()
    with pytest.raises(HostingError) as refusal:
        confirm_intent(operation=operation, **given)  # type: ignore[arg-type]
    assert refusal.value.code == code
    assert Event.objects.filter(verb="intent.confirm", outcome="denied").count() == before + 1
    assert Event.objects.latest("pk").reason == code
    world.work()
    assert world.status("example.com") == 200


def verbs(operation: Operation) -> list[tuple[str, str]]:
    """What was recorded of an operation's intent."""
    events = Event.objects.filter(operation_id=str(operation.pk), verb__startswith="intent.").order_by("pk")
    return [(event.verb, event.outcome) for event in events]


def make_late(operation: Operation) -> None:
    """Let the intent's time be over."""
    Intent.objects.filter(operation=operation).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_every_kind_says_what_it_risks() -> None:
    assert set(DECLARED) == set(OperationKind)
    governed = {kind for kind in OperationKind if is_governed(kind)}
    assert governed == {
        OperationKind.DELETE,
        OperationKind.PURGE,
        OperationKind.REMOVE_ARCHIVE,
        OperationKind.DELETE_MESSAGES,
    }


def test_a_door_that_does_not_wait_gets_a_planned_intent_all_the_same(world: World, service: HostingService) -> None:
    operation = delete_service(actor=world.actor, service=service, wait_for_approval=False)
    world.work()
    operation.refresh_from_db()
    assert operation.state == OperationState.PLANNED and world.status("example.com") == 200
    assert operation.intent.impacted and operation.intent.risk == "high"
    with pytest.raises(HostingError) as refusal:
        approve_operation(actor=world.actor, operation=operation, digest=operation.plan_digest)
    assert refusal.value.code == "needs_confirmation"


@pytest.mark.parametrize("given", [{"needs_approval": False}, {"needs_approval": False, "state": "pending"}])
def test_a_row_that_says_it_is_approved_is_not_enough(
    world: World, deletion: Operation, given: dict[str, object]
) -> None:
    Operation.objects.filter(pk=deletion.pk).update(**{"dispatched_at": None, "expected_digest": "", **given})
    world.work()
    deletion.refresh_from_db()
    assert deletion.state == OperationState.PLANNED and world.status("example.com") == 200


def test_it_is_carried_out_with_token_plan_and_reason(world: World, deletion: Operation) -> None:
    token = issue_token(actor=world.actor, operation=deletion)
    assert token not in str(list(Intent.objects.values()))
    confirmed = confirm_intent(
        actor=world.actor, operation=deletion, token=token, digest=deletion.plan_digest, reason="contract ended"
    )
    assert world.run(confirmed).state == OperationState.SUCCEEDED
    assert world.status("example.com") == 0
    assert confirmed.reason == "contract ended"
    assert verbs(deletion) == [
        ("intent.prepare", "requested"), ("intent.token", "succeeded"), ("intent.confirm", "succeeded"),
    ]  # fmt: skip
    event = Event.objects.get(verb="intent.confirm")
    assert (event.reason, event.actor_login) == ("contract ended", "admin@panel.test")
    assert token not in str(list(Event.objects.values()))


def test_a_token_given_out_before_the_plan_is_there_is_good_for_the_first_plan(
    world: World, service: HostingService
) -> None:
    operation = delete_service(actor=world.actor, service=service)
    token = issue_token(actor=world.actor, operation=operation)
    refused("stale_plan", world, operation, token=token, digest="")
    planned(operation)
    assert operation.intent.expires_at > timezone.now() + LIFE - timedelta(minutes=1)
    confirm_intent(actor=world.actor, operation=operation, token=token, digest=operation.plan_digest, reason="x")
    assert world.run(operation).state == OperationState.SUCCEEDED


def test_what_is_not_as_it_was_shown_is_refused(world: World, deletion: Operation) -> None:
    token = issue_token(actor=world.actor, operation=deletion)
    refused("wrong_token", world, deletion, token="guessed")
    refused("wrong_token", world, deletion, token="")
    refused("other_actor", world, deletion, token=token, actor=COLLEAGUE)
    refused("other_actor", world, deletion, token=token, actor=dataclasses.replace(operator(), impersonator_id="7"))
    refused("stale_plan", world, deletion, token=token, digest="0" * 64)
    refused("reason_missing", world, deletion, token=token, reason="  ")
    make_late(deletion)
    refused("intent_expired", world, deletion, token=token)


def test_a_token_is_shown_once_and_to_its_asker_only(world: World, deletion: Operation) -> None:
    token = issue_token(actor=world.actor, operation=deletion)
    assert re.fullmatch(r"[0-9a-f]{64}", token)  # one that begins with a dash is an option to a command line
    for code, act, actor in (
        ("token_shown", issue_token, world.actor),
        ("other_actor", issue_token, COLLEAGUE),
        ("other_actor", prepare_again, COLLEAGUE),
    ):
        with pytest.raises(HostingError) as refusal:
            act(actor=actor, operation=deletion)
        assert refusal.value.code == code


def test_a_second_token_kills_the_first_and_has_its_own_ten_minutes(world: World, deletion: Operation) -> None:
    first = issue_token(actor=world.actor, operation=deletion)
    soon = timezone.now() + timedelta(seconds=30)
    Intent.objects.filter(operation=deletion).update(expires_at=soon)
    second = prepare_again(actor=world.actor, operation=deletion)
    refused("wrong_token", world, deletion, token=first)
    assert Intent.objects.get(operation=deletion).expires_at > soon
    confirm_intent(actor=world.actor, operation=deletion, token=second, digest=deletion.plan_digest, reason="because")
    refused_twice = [first, second]
    for token in refused_twice:
        with pytest.raises(HostingError) as refusal:
            confirm_intent(
                actor=world.actor, operation=deletion, token=token, digest=deletion.plan_digest, reason="because"
            )
        assert refusal.value.code == "intent_closed"


def test_what_nobody_confirms_is_given_up_and_the_wish_taken_back(
    world: World, service: HostingService, deletion: Operation
) -> None:
    token = issue_token(actor=world.actor, operation=deletion)
    assert expire_intents(actor=world.actor) == 0
    make_late(deletion)
    assert expire_intents(actor=world.actor) == 1 and expire_intents(actor=world.actor) == 0
    deletion.refresh_from_db()
    service.refresh_from_db()
    assert (deletion.state, deletion.error["code"]) == (OperationState.CANCELLED, "intent_expired")
    assert service.state == ServiceState.ACTIVE
    assert verbs(deletion)[-1] == ("intent.expire", "expired")
    refused("intent_expired", world, deletion, token=token)
    assert world.delete(service).state == OperationState.SUCCEEDED  # it can be prepared again


def test_a_colleague_may_cancel_what_waits(world: World, service: HostingService, deletion: Operation) -> None:
    token = issue_token(actor=world.actor, operation=deletion)
    cancel_operation(actor=COLLEAGUE, operation=deletion, reason="no")
    service.refresh_from_db()
    assert service.state == ServiceState.ACTIVE
    assert Intent.objects.get(operation=deletion).state == IntentState.CANCELLED
    refused("intent_closed", world, deletion, token=token)


def test_a_node_that_changed_since_has_it_confirmed_again(world: World, deletion: Operation) -> None:
    token = issue_token(actor=world.actor, operation=deletion)
    confirm_intent(actor=world.actor, operation=deletion, token=token, digest=deletion.plan_digest, reason="because")
    name = next(name for name in world.server.tree.at("/etc/nginx/npanel/sites").children if "example.com" in name)
    world.server.put(f"/etc/nginx/npanel/sites/{name}", b"# by hand\n")
    world.run(deletion)
    assert (deletion.state, deletion.error["code"]) == (OperationState.PLANNED, "stale_plan")
    assert Intent.objects.get(operation=deletion).state == IntentState.WAITING
    refused_token = Intent.objects.get(operation=deletion).token_sha256
    assert refused_token == ""
    assert world.confirm(deletion).state == OperationState.SUCCEEDED
    assert world.status("example.com") == 0


def test_a_plan_can_make_an_operation_governed(world: World, service: HostingService) -> None:
    creation = Operation.objects.get(service=service)
    rollback = rollback_operation(actor=world.actor, operation=creation)
    assert not rollback.needs_approval
    world.work()
    rollback.refresh_from_db()
    assert rollback.state == OperationState.PLANNED and world.status("example.com") == 200
    assert rollback.intent.risk == "high"
    assert world.confirm(rollback).state == OperationState.SUCCEEDED and world.status("example.com") == 0


def test_a_failed_deletion_that_is_tried_again_is_confirmed_again(world: World, deletion: Operation) -> None:
    def refuse(*_args: object) -> object:
        raise HostingError("user is busy", code="command_failed", permanent=False)

    kept = world.server.programs["userdel"]
    world.server.programs["userdel"] = refuse  # type: ignore[assignment]
    assert world.confirm(deletion).state == OperationState.ROLLED_BACK
    world.server.programs["userdel"] = kept
    again = retry_operation(actor=world.actor, operation=deletion)
    world.work()
    again.refresh_from_db()
    assert again.pk != deletion.pk and again.state == OperationState.PLANNED and world.status("example.com") == 200
    assert world.confirm(again).state == OperationState.SUCCEEDED


def test_what_is_not_governed_has_no_token(world: World) -> None:
    operation = world.run(world.ask("a.test", wait_for_approval=True))
    for act in (issue_token, prepare_again):
        with pytest.raises(HostingError) as refusal:
            act(actor=world.actor, operation=operation)
        assert refusal.value.code == "not_governed"
