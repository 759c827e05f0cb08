"""The group commit: one test and one reload for all who wait, and the bad one found among them."""

import pytest

from hosting import desired
from hosting.choices import OperationState, Phase
from hosting.connections.base import Write
from hosting.models import ActivationLock, ActivationTicket, Operation
from hosting.operations import activation, journal
from hosting.operations.locks import claim
from hosting.state import plan
from tests.unit.operations.conftest import ToyWorld
from tests.unit.operations.toy import PUBLISHED

pytestmark = pytest.mark.django_db


def written(world: ToyWorld, username: str, text: str) -> Operation:
    """An operation that has journalled and written its files and now waits for the reload."""
    service = world.want(username, note=text)
    operation = claim(world.ask(username).pk)
    assert operation is not None
    operation.phase = Phase.APPLYING
    changes = plan({}, desired.service_resources(service)).changes
    entries = journal.intend(operation, changes)
    world.plant(f"{username}.note", text)
    journal.settle(operation, entries, [None] * len(entries))
    ActivationTicket.objects.create(node=world.node, operation=operation)
    return operation


def reloads(world: ToyWorld) -> int:
    """How often the toy daemon was reloaded."""
    return sum(isinstance(r, Write) and r.path == PUBLISHED for _context, r in world.fake.requests)


def test_all_who_wait_share_one_reload(world: ToyWorld) -> None:
    waiting = [written(world, f"user{letter}", letter) for letter in "abcdefgh"]
    first = waiting[0]
    activation.activate(first, world.fake, journal.journalled(first))
    assert reloads(world) == 1
    assert ActivationTicket.objects.filter(done=True, error__isnull=True).count() == 8
    assert ActivationLock.objects.get().reloads == {"notes": 1}


@pytest.mark.parametrize("bad", [{2}, {0, 7}, {3, 4, 5}, set(range(8))])
def test_bad_candidates_are_found_and_the_others_go_on(world: ToyWorld, bad: set[int]) -> None:
    waiting = [written(world, f"user{n}", "BROKEN" if n in bad else "fine") for n in range(8)]
    good = next((op for n, op in enumerate(waiting) if n not in bad), None)
    leader = good or waiting[0]
    if good is None:
        with pytest.raises(activation.HostingError):
            activation.activate(leader, world.fake, journal.journalled(leader))
    else:
        activation.activate(leader, world.fake, journal.journalled(leader))
    failed = set(ActivationTicket.objects.filter(error__isnull=False).values_list("operation_id", flat=True))
    assert failed == {waiting[n].pk for n in bad}
    published = {line.split(".")[0] for line in world.published().splitlines() if line}
    assert published == {f"user{n}" for n in range(8) if n not in bad}


def test_a_dead_leaders_lock_is_taken_over(world: ToyWorld) -> None:
    operation = written(world, "alice", "fine")
    host = operation.lease_owner.split(":")[0]
    ActivationLock.objects.create(node=world.node, holder=f"{host}:999999999:0", fence=4)
    activation.activate(operation, world.fake, journal.journalled(operation))
    lock = ActivationLock.objects.get()
    assert (lock.fence, lock.holder) == (5, "")


def test_what_can_not_be_moved_fails_everybody_with_its_name(world: ToyWorld) -> None:
    operation = written(world, "alice", "fine")
    from hosting.adapters.base import adapters
    from hosting.errors import ConfigurationInvalid

    class Stuck(type(adapters()["notes"])):  # type: ignore[misc]
        def validate(self, changes: object) -> object:
            raise ConfigurationInvalid("the main file is broken", path="/etc/main.conf")
            yield []

    from hosting.adapters import base

    base._ADAPTERS["notes"] = Stuck()
    with pytest.raises(activation.HostingError, match="main file is broken"):
        activation.activate(operation, world.fake, journal.journalled(operation))
    assert Operation.objects.get(pk=operation.pk).state == OperationState.RUNNING
