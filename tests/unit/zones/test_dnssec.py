"""Signing: on with a DS record to copy, off only once nobody relies on it, keys that outlive a removal; all doors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from accounts.choices import MemberAccess
from audit.models import Event
from hosting.choices import OperationKind, OperationState
from hosting.errors import HostingError
from hosting.models import Domain, DriftItem, JournalEntry, Operation
from hosting.operations.present import possible
from hosting.services import dnssec
from hosting.services.dns import add_record
from hosting.services.dnssec import ParentSays, ds_records, parent_says, sign_zone, unsign_zone
from hosting.services.drift import adopt, scan_node
from hosting.services.lifecycle import restore_service
from hosting.services.operations import cancel_operation, rollback_operation
from hosting.services.sites import add_domain, remove_domain
from hosting.services.zone_edits import last_change
from tests import people
from tests.factories import make_domain, make_service
from tests.unit.api.caller import Caller, code
from tests.unit.commands.conftest import Manage, manage
from tests.unit.portal.name_server import name_server
from tests.unit.services.world import World, snapshot

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
DS = re.compile(r"[0-9]{1,5} 13 2 [0-9A-F]{64}")


@contextmanager
def parent(settings: Any, *records: str, silent: bool = False) -> Iterator[None]:
    """A public DNS in which the zone above example.com has these DS records."""
    with name_server({("example.com", "DS"): list(records)} if records else {}, silent=silent) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        yield


@pytest.fixture
def signed(world: World, zone: Domain) -> Domain:
    operation = world.run(sign_zone(actor=world.actor, domain=zone))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    zone.refresh_from_db()
    return zone


def test_a_signed_zone_tells_its_ds_record(world: World, signed: Domain) -> None:
    (record,) = ds_records(signed)
    assert DS.fullmatch(record)
    assert world.server.powerdns.zones["example.com."]["dnssec"] is True
    operation = Operation.objects.get(kind=OperationKind.CHANGE_DNSSEC)
    assert f"DS {record}" in operation.result["probes"][0]["answer"]
    event = Event.objects.get(verb="operation.dnssec_change", outcome="requested")
    assert event.after == {"zone": "example.com", "signed": True}
    world.run(add_record(actor=world.actor, domain=signed, name="b", type="A", content="192.0.2.10"))
    signed.refresh_from_db()
    assert ds_records(signed) == [record], "another record makes no other key"


def test_what_the_parent_says(settings: Any, signed: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    (ours,) = ds_records(signed)
    other = f"1 13 2 {'AB' * 32}"
    for records, says in (((ours,), "ours"), ((ours.lower(),), "ours"), ((other,), "other"), ((), "nothing")):
        with parent(settings, *records):
            assert parent_says(signed) == ParentSays(says)
    monkeypatch.setattr(dnssec, "DEADLINE_S", 0.3)
    with parent(settings, silent=True):
        assert parent_says(signed) == ParentSays.NO_ANSWER
    settings.NPANEL_HEALTH_RESOLVERS = []
    assert parent_says(signed) == ParentSays.NO_ANSWER


def test_it_is_not_switched_off_while_somebody_relies_on_it(
    settings: Any, world: World, signed: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnssec, "DEADLINE_S", 0.3)
    for records, silent, wrong in (
        (ds_records(signed), False, "ds_published"),
        ([f"1 13 2 {'AB' * 32}"], False, "ds_published"),
        ([], True, "ds_unknown"),
    ):
        before = snapshot()
        with parent(settings, *records, silent=silent), pytest.raises(HostingError) as refusal:
            unsign_zone(actor=world.actor, domain=signed)
        assert refusal.value.code == wrong and snapshot() == before
    with parent(settings):
        operation = world.run(unsign_zone(actor=world.actor, domain=signed))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    signed.refresh_from_db()
    assert (signed.dnssec, signed.ds, ds_records(signed)) == (False, "", [])
    assert world.server.powerdns.zones["example.com."]["keys"] == {}


def test_it_is_switched_off_against_advice(settings: Any, world: World, signed: Domain) -> None:
    with parent(settings, *ds_records(signed)):
        world.run(unsign_zone(actor=world.actor, domain=signed, although_published=True))
    signed.refresh_from_db()
    assert not signed.dnssec


def test_a_restored_service_has_the_key_that_the_parent_names(world: World, signed: Domain) -> None:
    ds, service = ds_records(signed), signed.service
    private = world.server.powerdns.zones["example.com."]["keys"][1]["privatekey"]
    world.delete(service)
    assert world.server.powerdns.zones == {}
    service.refresh_from_db()
    restored = world.run(restore_service(actor=world.actor, service=service))
    assert restored.state == OperationState.SUCCEEDED, restored.error
    signed.refresh_from_db()
    assert signed.dnssec and ds_records(signed) == ds
    assert world.server.powerdns.zones["example.com."]["keys"][1]["privatekey"] == private
    written = [list(model.objects.values()) for model in (Operation, JournalEntry, Event, Domain)]
    assert private not in str(written), "a key is in no row"


def test_a_removed_domain_comes_back_with_its_key(world: World, zone: Domain) -> None:
    world.run(add_domain(actor=world.actor, service=zone.service, name="second.test"))
    second = Domain.objects.get(name="second.test")
    world.run(sign_zone(actor=world.actor, domain=second))
    second.refresh_from_db()
    ds = ds_records(second)
    removal = world.run(remove_domain(actor=world.actor, domain=second))
    assert "second.test." not in world.server.powerdns.zones
    back = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert back.state == OperationState.SUCCEEDED, back.error
    again = Domain.objects.get(name="second.test")
    assert again.dnssec and ds_records(again) == ds != []


def test_a_zone_that_somebody_signed_by_hand_is_drift(world: World, zone: Domain) -> None:
    """It can be adopted, and then it stays signed."""
    key = {"id": 1, "keytype": "csk", "active": True, "published": True, "privatekey": "x"}
    world.server.powerdns.zones["example.com."].update(
        dnssec=True, keys={1: key}, nsec3param="1 0 0 -", api_rectify=True
    )
    scan_node(actor=world.actor, node=world.node)
    item = DriftItem.objects.get(kind="dns_zone")
    adopt(actor=world.actor, item=item)
    world.work()
    zone.refresh_from_db()
    assert zone.dnssec
    world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    zone.refresh_from_db()
    assert len(ds_records(zone)) == 1 and world.server.powerdns.zones["example.com."]["keys"] == {1: key}


def test_neither_undo_nor_rollback_switches_it(world: World, zone: Domain) -> None:
    operation = world.run(sign_zone(actor=world.actor, domain=zone))
    assert last_change(zone) is None and not possible(operation).roll_back
    with pytest.raises(HostingError) as refusal:
        rollback_operation(actor=world.actor, operation=operation)
    assert refusal.value.code == "wrong_state" and "DNSSEC page" in refusal.value.hint
    older = Operation.objects.filter(kind=OperationKind.CHANGE_DNS).latest("created_at")
    with pytest.raises(HostingError) as refusal:
        rollback_operation(actor=world.actor, operation=older)
    assert refusal.value.code == "changed_since"


def test_a_wish_that_is_taken_back_signs_nothing(world: World, zone: Domain) -> None:
    operation = world.run(sign_zone(actor=world.actor, domain=zone, wait_for_approval=True))
    assert operation.state == OperationState.PLANNED
    cancel_operation(actor=world.actor, operation=operation)
    world.work()
    zone.refresh_from_db()
    assert not zone.dnssec and world.server.powerdns.zones["example.com."]["dnssec"] is False


def test_what_makes_no_sense_is_refused(world: World, signed: Domain) -> None:
    other = make_domain(make_service(), "other.test", has_zone=False)
    for act, data, wrong in (
        (sign_zone, {"domain": signed}, "wrong_state"),
        (sign_zone, {"domain": other}, "no_zone"),
        (unsign_zone, {"domain": other, "although_published": True}, "no_zone"),
    ):
        with pytest.raises(HostingError) as refusal:
            act(actor=world.actor, **data)  # type: ignore[operator]
        assert refusal.value.code == wrong


def test_the_api_signs_shows_and_refuses(customer_interface: None, settings: Any, world: World, zone: Domain) -> None:
    owner = Caller(people.member(zone.service.customer))
    viewer = Caller(people.member(zone.service.customer, MemberAccess.VIEWER))
    assert code(viewer.post(f"zones/{zone.pk}/sign")) == (403, "forbidden")
    assert owner.post(f"zones/{zone.pk}/sign").status_code == 202
    world.work()
    shown = owner.get(f"zones/{zone.pk}").json()
    assert shown["dnssec"] is True and DS.fullmatch(shown["ds"][0])
    with parent(settings, *shown["ds"]):
        assert code(owner.post(f"zones/{zone.pk}/unsign")) == (409, "ds_published")
        assert owner.post(f"zones/{zone.pk}/unsign", {"although_published": True}).status_code == 202
    world.work()
    assert owner.get(f"zones/{zone.pk}").json()["ds"] == []


def test_commands_sign_show_and_unsign(settings: Any, zone: Domain, manage: Manage) -> None:
    with parent(settings):
        assert manage("zone_ds", "example.com").status == 0
        assert manage("zone_sign", "example.com", "--yes").status == 0
        shown = manage("zone_ds", "example.com", "--json")
    assert (shown.status, shown.data["parent"]) == (2, "nothing") and DS.fullmatch(shown.data["ds"][0])
    with parent(settings, *shown.data["ds"]):
        told = manage("zone_ds", "example.com")
        assert told.status == 0 and f"example.com. IN DS {shown.data['ds'][0]}" in told.out
        refused = manage("zone_unsign", "example.com", "--yes")
        assert refused.status == 1 and "ds_published" in refused.err
        assert manage("zone_unsign", "example.com", "--yes", "--although-published").status == 0
