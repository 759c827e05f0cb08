"""The worker's looks at queues: rows come and go with messages, each belongs to whose it is, and figures are told."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hosting import signals_of_life
from hosting.models import HostingService, MailQueue, QueuedMessage
from hosting.operations import mail_queue
from observability.health.mail_queue import MANY, judge
from tests.unit.services.world import World

FIRST, SECOND, THIRD = "1vOZ2k-000000-01", "1vOZ2k-000000-0a", "1vOZ2k-000000-0A"


def whose(message_id: str) -> HostingService | None:
    return QueuedMessage.objects.get(message_id=message_id).service


def look(world: World) -> None:
    assert mail_queue.look_at(world.node) == len(world.server.mail.queue)


def test_rows_come_and_go_with_messages(world: World, service: HostingService) -> None:
    world.server.mail.wait(FIRST, "bob@far.test", sender="kim@example.com", said="no route")
    world.server.mail.wait(SECOND, "sue@far.test", "tim@far.test")
    look(world)
    row = QueuedMessage.objects.get(message_id=FIRST)
    assert (row.sender, row.recipients, row.said, row.held) == ("kim@example.com", ["bob@far.test"], "no route", False)
    world.server.mail.queue[FIRST]["held"] = True
    del world.server.mail.queue[SECOND]
    look(world)
    again = QueuedMessage.objects.get()
    assert (again.pk, again.held) == (row.pk, True)
    assert MailQueue.objects.get().total == 1


def test_ids_that_differ_in_capitals_are_two_messages(world: World, service: HostingService) -> None:
    world.server.mail.wait(SECOND, "bob@far.test")
    world.server.mail.wait(THIRD, "bob@far.test")
    look(world)
    look(world)
    assert QueuedMessage.objects.count() == 2


@pytest.mark.parametrize(
    ("facts", "to", "owned"),
    [
        ({"auth": "kim@example.com"}, ["bob@far.test"], True),
        ({"auth": "kim@else.test", "sender": "kim@example.com"}, ["ann@example.com"], False),
        ({"login": "alice"}, ["bob@far.test"], True),
        ({"login": "www-data"}, ["bob@far.test"], False),
        ({"sender": "kim@example.com"}, ["bob@far.test"], False),
        ({}, ["ann@example.com", "kim@EXAMPLE.com"], True),
        ({}, ["ann@example.com", "bob@far.test"], False),
        ({}, [], False),
    ],
)
def test_whose_a_message_is(
    world: World, service: HostingService, facts: dict[str, Any], to: list[str], owned: bool
) -> None:
    """Who signed in, or whose program it was; what it names as its sender counts for nothing."""
    world.server.mail.wait(FIRST, *to, **facts)
    look(world)
    assert whose(FIRST) == (service if owned else None)


def test_a_node_that_does_not_answer_keeps_what_was_known(world: World, service: HostingService) -> None:
    world.server.mail.wait(FIRST, "bob@far.test")
    look(world)
    world.server.down = True
    MailQueue.objects.update(look_at=None)
    mail_queue.look_due()
    queue = MailQueue.objects.get()
    assert (queue.total, bool(queue.note), QueuedMessage.objects.count()) == (1, True, 1)
    assert queue.look_at is not None and queue.look_at > timezone.now()


def test_looks_have_their_time(world: World, service: HostingService) -> None:
    mail_queue.look_due()
    world.server.mail.wait(FIRST, "bob@far.test")
    mail_queue.look_due()
    assert MailQueue.objects.get().total == 0
    MailQueue.objects.update(look_at=timezone.now() - timedelta(seconds=1))
    mail_queue.look_due()
    assert MailQueue.objects.get().total == 1


def test_figures_are_told_while_they_are_fresh(world: World, service: HostingService) -> None:
    began = int(timezone.now().timestamp()) - 600
    world.server.mail.wait(FIRST, "bob@far.test", since=began)
    look(world)
    told = {sample.name: sample.value for sample in signals_of_life._mail_gauges()}
    assert told["npanel_mail_queue_messages"] == 1
    assert 599 < told["npanel_mail_queue_oldest_seconds"] < 700
    assert signals_of_life._mail_by_node() == {"fake1": 1}
    MailQueue.objects.update(seen_at=timezone.now() - timedelta(minutes=11))
    assert list(signals_of_life._mail_gauges()) == []


def test_health() -> None:
    assert judge({}).status == "up"
    assert judge({"web1": MANY - 1, "web2": 3}).status == "up"
    found = judge({"web1": MANY, "web2": 3})
    assert (found.status, "web1 (200)" in found.summary, "web2" in found.summary) == ("degraded", True, False)
