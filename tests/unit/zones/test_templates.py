"""Templates of records: what they may say, whose they are, what they make of a zone, and all doors."""

from typing import Any

import pytest

from accounts.choices import MemberAccess
from audit.models import Event
from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import Domain, RecordTemplate
from hosting.policies import perform
from hosting.services.operations import rollback_operation
from hosting.services.record_templates import apply_template, change_template, create_template, look_at_template
from hosting.services.zone_edits import last_change
from hosting.state.record_templates import check_template, filled
from tests import people
from tests.factories import make_customer, make_reseller
from tests.unit.api.caller import Caller, code
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World, snapshot

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
TEXT = '@ 300 IN MX 5 mx.{domain}.\nmx 300 IN A {ip}\nmx 300 IN AAAA {ip6}\n@ 300 IN CAA 0 issue "ca.test"'


@pytest.fixture
def template(world: World) -> RecordTemplate:
    return create_template(actor=world.actor, name="Mail here", text=TEXT)


def contents(domain: Domain) -> set[tuple[str, str, str]]:
    return set(domain.records.values_list("name", "type", "content"))


def test_it_replaces_its_own_names_and_types_and_no_others(
    world: World, zone: Domain, template: RecordTemplate
) -> None:
    before = contents(zone)
    look = look_at_template(domain=zone, template=template)
    assert (len(look.changes.added), len(look.changes.changed), len(look.changes.kept)) == (2, 1, 4)
    assert contents(zone) == before
    operation = world.run(apply_template(actor=world.actor, domain=zone, template=template))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    after = contents(zone)
    assert ("@", "MX", "5 mx.example.com.") in after and ("mx", "A", "192.0.2.1") in after
    assert not [row for row in after if row[1] == "AAAA"], "the node has no IPv6 address"
    assert before - after == {("@", "MX", "10 mail.example.org.")}
    assert world.server.resolve("example.com", "MX") == {"5 mx.example.com."}
    assert look_at_template(domain=zone, template=template).changes.added == ()
    assert last_change(zone) == operation
    world.run(rollback_operation(actor=world.actor, operation=operation))
    assert contents(zone) == before


def test_words_are_filled_in_once() -> None:
    values = {"domain": "a.test", "ip": "192.0.2.1", "ip6": ""}
    assert filled("x A {ip}\ny AAAA {ip6}\n{domain}. TXT {domain}", values) == "x A 192.0.2.1\n\na.test. TXT a.test"
    assert filled("{domain.__class__} {0} {{ip}", values) == "{domain.__class__} {0} {192.0.2.1", "words, and no more"


HOSTILE = {
    "nothing": "", "only a comment": "; hi", "include": "$INCLUDE /etc/passwd", "unknown word": "@ 60 IN TXT {user}",
    "escape": "@ 60 IN TXT \x1b[2J", "nul": "@ 60 IN TXT a\x00b",
    "separator": "@ 60 IN TXT a\u2028b", "next line": "@ 60 IN TXT a\x85b",
    "other zone": "www.other.test. 60 IN A {ip}",
    "no type": "@ 60 IN NOSUCH x", "bad address": "@ 60 IN A {ip}.1", "too long": "@ 60 IN TXT x\n" * 2000,
    "generate": "$GENERATE 1-99999999 h$ A {ip}",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_refused_at_each_door(world: World, manage: Manage, text: str) -> None:
    before = snapshot()
    with pytest.raises(HostingError):
        create_template(actor=world.actor, name="x", text=text)
    assert manage("record_template", "x", "--write", piped=text).status == 1
    assert Caller(people.admin()).post("record-templates", {"name": "x", "text": text}).status_code == 422
    assert {**snapshot(), "Event": 0, "User": 0} == {**before, "Event": 0, "User": 0}


@pytest.mark.parametrize("name", ["", "x\ny", "x\u2028y", "x\x1by", "x" * 61])
def test_hostile_names_are_refused(world: World, name: str) -> None:
    with pytest.raises(HostingError) as refusal:
        create_template(actor=world.actor, name=name, text=TEXT)
    assert (refusal.value.code, refusal.value.field) == ("invalid", "name")


def test_a_change_is_recorded_and_checked(world: World, template: RecordTemplate) -> None:
    row = change_template(actor=world.actor, template=template, text="@ 60 IN A {ip}\r\n")
    assert row.text == "@ 60 IN A {ip}"
    event = Event.objects.get(verb="record_template.change")
    assert event.before["text"] == TEXT and event.after["text"] == row.text
    with pytest.raises(HostingError) as refusal:
        create_template(actor=world.actor, name="Mail here", text=TEXT)
    assert refusal.value.field == "name"
    check_template(TEXT)


def test_a_resellers_template_is_for_their_customers_alone(
    customer_interface: None, world: World, zone: Domain, template: RecordTemplate
) -> None:
    north, south = make_reseller(), make_reseller()
    seller = people.reseller(north)
    own = perform(people.actor(seller), "record_template.create", name="North", text=TEXT)
    assert own.reseller == north
    for row, may in ((own, True), (template, False)):
        try:
            perform(people.actor(seller), "record_template.change", row, text="@ 60 IN A {ip}")
            changed = True
        except HostingError as error:
            changed = error.code != "forbidden"
        assert changed == may
    with pytest.raises(HostingError) as refusal:
        apply_template(actor=world.actor, domain=zone, template=own)
    assert refusal.value.code == "not_found"
    assert Caller(people.reseller(south)).ids("record-templates") == [template.pk]
    assert make_customer(reseller=north).reseller == north


def test_the_api_keeps_and_applies(
    customer_interface: None, world: World, zone: Domain, template: RecordTemplate
) -> None:
    owner = Caller(people.member(zone.service.customer))
    viewer = Caller(people.member(zone.service.customer, MemberAccess.VIEWER))
    other = create_template(actor=world.actor, name="Other", text=TEXT, reseller=make_reseller())
    assert owner.ids("record-templates") == [template.pk]
    assert code(viewer.post(f"zones/{zone.pk}/apply-template", {"template": template.pk})) == (403, "forbidden")
    assert owner.post(f"zones/{zone.pk}/apply-template", {"template": other.pk}).status_code == 422
    assert code(owner.post("record-templates", {"name": "mine", "text": TEXT})) == (403, "forbidden")
    assert owner.delete(f"record-templates/{template.pk}").status_code == 403
    assert owner.post(f"zones/{zone.pk}/apply-template", {"template": template.pk}).status_code == 202
    world.work()
    assert world.server.resolve("example.com", "MX") == {"5 mx.example.com."}


def test_the_api_is_for_operators_too(world: World) -> None:
    caller = Caller(people.admin())
    made = caller.post("record-templates", {"name": "x", "text": TEXT})
    assert made.status_code == 201
    path = f"record-templates/{made.json()['id']}"
    assert caller.patch(path, {"name": "y"}).json()["name"] == "y"
    assert caller.delete(path).status_code == 204 and not RecordTemplate.objects.exists()


def test_commands_keep_show_apply_and_forget(world: World, zone: Domain, manage: Manage) -> None:
    assert manage("record_template", "Mail here", "--write", piped=TEXT).status == 0
    assert manage("record_template", "Mail here").out.strip() == TEXT
    assert manage("record_template", "--json").data["templates"][0]["name"] == "Mail here"
    looked = manage("zone_template", "example.com", "Mail here", "--preview")
    assert looked.status == 2 and "+ mx.example.com 300 A 192.0.2.1" in looked.out
    assert manage("zone_template", "example.com", "Mail here", "--yes").status == 0
    assert manage("zone_template", "example.com", "Mail here", "--preview").status == 0
    assert manage("zone_template", "example.com", "nothing", "--yes").status == 1
    assert manage("record_template", "Mail here", "--delete").status == 0
    assert manage("record_template").out.strip() == "There is none."


def test_hostile_words_of_the_command_line(manage: Manage, zone: Domain) -> None:
    for arguments in ((), ("--delete",), ("x\ny", "--write")):
        piped: Any = TEXT if "--write" in arguments else ""
        ran = manage("record_template", *arguments, piped=piped)
        assert ran.status == (0 if not arguments else 1)
