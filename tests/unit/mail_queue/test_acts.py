"""What is done with waiting messages: tried again, held, released, deleted once that is confirmed; and by whom."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from audit.models import Event
from hosting.errors import HostingError
from hosting.models import HostingService, MailQueue, Operation, QueuedMessage
from hosting.operations import mail_queue as chores
from hosting.policies import perform
from hosting.services import mail_queue
from hosting.services.operations import rollback_operation
from tests.confirm import carry_out_confirmed
from tests.people import actor, member
from tests.unit.services.world import World

FIRST, SECOND = "1vOZ2k-000000-01", "1vOZ2k-000000-02"


@pytest.fixture
def message(world: World, service: HostingService) -> QueuedMessage:
    """A message of the service's mailbox that waits; and one from elsewhere to elsewhere."""
    world.server.mail.wait(FIRST, "bob@far.test", sender="kim@example.com", auth="kim@example.com")
    world.server.mail.wait(SECOND, "sue@far.test", sender="kim@example.com")
    chores.look_at(world.node)
    return QueuedMessage.objects.get(message_id=FIRST)


def outcomes(verb: str) -> list[str]:
    return list(Event.objects.filter(verb=verb).order_by("id").values_list("outcome", flat=True))


def test_another_try(world: World, message: QueuedMessage) -> None:
    assert mail_queue.retry_message(actor=world.actor, message=message) is None
    assert FIRST in world.server.mail.queue
    chores.retry_due()
    chores.look_due()
    assert FIRST not in world.server.mail.queue
    assert not QueuedMessage.objects.filter(message_id=FIRST).exists()
    assert outcomes("mail_queue.retry") == ["requested", "succeeded"]
    chores.retry_due()
    assert outcomes("mail_queue.retry") == ["requested", "succeeded"]
    about = ("hosting.hostingservice", str(message.service_id))
    told = Event.objects.filter(verb="mail_queue.retry")
    assert set(told.values_list("target_type", "target_id")) == {about}, "holds and histories of its customer have it"
    assert {event.after["message"] for event in told} == {FIRST}


def test_what_was_held_since_it_was_asked_for_is_not_tried_again(world: World, message: QueuedMessage) -> None:
    mail_queue.retry_message(actor=world.actor, message=message)
    world.run(mail_queue.hold_message(actor=world.actor, message=message))
    chores.retry_due()
    assert FIRST in world.server.mail.queue
    world.run(mail_queue.release_message(actor=world.actor, message=message))
    chores.retry_due()
    assert FIRST not in world.server.mail.queue


def test_another_try_on_a_node_that_is_down_has_failed(world: World, message: QueuedMessage) -> None:
    mail_queue.retry_message(actor=world.actor, message=message)
    world.server.down = True
    chores.retry_due()
    assert outcomes("mail_queue.retry") == ["requested", "failed"]
    assert QueuedMessage.objects.filter(retry_asked_at=None).count() == 2


def test_a_message_is_held_and_released(world: World, message: QueuedMessage) -> None:
    held = world.run(mail_queue.hold_message(actor=world.actor, message=message, reason="looks odd"))
    assert (held.state, held.result["reloads"]) == ("succeeded", [])
    assert world.server.mail.queue[FIRST]["held"] and QueuedMessage.objects.get(message_id=FIRST).held
    with pytest.raises(HostingError) as raised:
        mail_queue.retry_message(actor=world.actor, message=message)
    assert raised.value.code == "message_held"
    again = world.run(mail_queue.hold_message(actor=world.actor, message=message))
    assert (again.state, again.plan["changes"]) == ("succeeded", [])
    released = world.run(mail_queue.release_message(actor=world.actor, message=message))
    assert released.state == "succeeded" and not world.server.mail.queue[FIRST]["held"]


def test_holding_can_be_taken_back(world: World, message: QueuedMessage) -> None:
    held = world.run(mail_queue.hold_message(actor=world.actor, message=message))
    back = world.run(rollback_operation(actor=world.actor, operation=held))
    assert back.state == "succeeded" and not world.server.mail.queue[FIRST]["held"]


def test_a_message_that_went_by_itself_cannot_be_held(world: World, message: QueuedMessage) -> None:
    del world.server.mail.queue[FIRST]
    operation = world.run(mail_queue.hold_message(actor=world.actor, message=message))
    assert (operation.state, operation.error["code"]) == ("rolled_back", "message_gone")


def test_a_deletion_waits_for_its_confirmation(world: World, message: QueuedMessage) -> None:
    operation = world.run(mail_queue.delete_message(actor=world.actor, message=message, reason="spam"))
    assert operation.state == "planned" and FIRST in world.server.mail.queue
    assert operation.intent.reversibility == "irreversible"
    done = carry_out_confirmed(operation, world.actor)
    assert done.state == "succeeded" and list(world.server.mail.queue) == [SECOND]
    assert [row.message_id for row in QueuedMessage.objects.all()] == [SECOND]
    with pytest.raises(HostingError):
        rollback_operation(actor=world.actor, operation=done)


def test_all_of_a_sender(world: World, message: QueuedMessage) -> None:
    world.server.mail.wait("1vOZ2k-000000-03", "kim@example.com", sender="")
    chores.look_at(world.node)
    queue = MailQueue.objects.get()
    done = carry_out_confirmed(
        mail_queue.clear_queue(actor=world.actor, queue=queue, sender="kim@example.com"), world.actor
    )
    assert done.state == "succeeded" and list(world.server.mail.queue) == ["1vOZ2k-000000-03"]
    with pytest.raises(HostingError) as raised:
        mail_queue.clear_queue(actor=world.actor, queue=queue, sender="kim@example.com")
    assert raised.value.code == "nothing_chosen"


def test_customers_have_their_own_tried_again_and_nothing_else(
    world: World, service: HostingService, message: QueuedMessage
) -> None:
    person = actor(member(service.customer))
    before = Operation.objects.count()
    perform(person, "mail_queue.retry", message)
    foreign = QueuedMessage.objects.get(message_id=SECOND)
    for name, subject in (
        ("mail_queue.retry", foreign), ("mail_queue.hold", message), ("mail_queue.release", message),
        ("mail_queue.delete", message), ("mail_queue.clear", MailQueue.objects.get()),
    ):  # fmt: skip
        with pytest.raises(HostingError) as raised:
            perform(person, name, subject)
        assert raised.value.code == "forbidden"
    assert Operation.objects.count() == before


def test_no_drift_comes_of_what_waits(world: World, message: QueuedMessage) -> None:
    from hosting.operations.drift import scan

    assert scan(world.node) == []


def test_commands(world: World, message: QueuedMessage) -> None:
    out = StringIO()
    call_command("mail_queue", node="fake1", json=True, stdout=out)
    (queue,) = json.loads(out.getvalue())["queues"]
    assert (queue["total"], queue["senders"]) == (2, {"kim@example.com": 2})
    out = StringIO()
    call_command("mail_queue", stdout=out)
    assert out.getvalue().startswith("fake1: 2 messages wait\n  2 from kim@example.com\n")
    call_command("mail_message", "hold", "fake1", FIRST, yes=True, stdout=StringIO(), stderr=StringIO())
    assert world.server.mail.queue[FIRST]["held"]
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("mail_message", "clear", "fake1", "kim@example.com", json=True, stdout=out, stderr=StringIO())
    assert ended.value.code == 2 and len(world.server.mail.queue) == 2
    token = json.loads(out.getvalue())["token"]
    call_command(
        "mail_message", "clear", "fake1", "kim@example.com", confirm=token, reason="spam",
        stdout=StringIO(), stderr=StringIO(),
    )  # fmt: skip
    assert not world.server.mail.queue


def test_an_operator_finds_nothing_that_is_not_there(world: World, message: QueuedMessage) -> None:
    with pytest.raises(SystemExit):
        call_command("mail_message", "hold", "fake1", "1vOZ2k-000000-99", stdout=StringIO(), stderr=StringIO())
