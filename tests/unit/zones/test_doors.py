"""The same use cases through the API and commands; strangers and onlookers get nothing."""

from pathlib import Path
from typing import Any

import pytest

from accounts.choices import MemberAccess
from hosting.choices import OperationKind
from hosting.models import Domain, Operation
from tests import factories, people
from tests.unit.api.caller import Caller, code
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
FILE = "$TTL 600\n@ NS ns.old.test.\n@ MX 20 mail.example.net.\nb A 192.0.2.10\n"


def newest() -> Operation:
    return Operation.objects.order_by("-created_at")[0]


def contents(zone: Domain) -> set[str]:
    return set(zone.records.values_list("content", flat=True))


# --- the API ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def owner(customer_interface: None, zone: Domain) -> Caller:
    return Caller(people.member(zone.service.customer))


def test_a_zone_is_read_looked_at_and_imported(world: World, zone: Domain, owner: Caller) -> None:
    shown = owner.get(f"zones/{zone.pk}").json()
    assert shown["name"] == "example.com" and "$ORIGIN example.com." in shown["text"] and shown["name_servers"]
    assert [row["id"] for row in owner.get("zones").json()["results"]] == [zone.pk]
    assert "text" not in owner.get("zones").json()["results"][0]
    before = contents(zone)
    look = owner.post(f"zones/{zone.pk}/look", {"text": FILE}).json()
    assert (len(look["added"]), len(look["changed"]), look["left_out"][0]["line"]) == (1, 1, 2)
    assert contents(zone) == before and newest().kind == OperationKind.CHANGE_DNS
    answer = owner.post(f"zones/{zone.pk}/import-file", {"text": FILE})
    assert answer.status_code == 202, answer.content
    world.work()
    assert contents(zone) == {"20 mail.example.net.", "192.0.2.10"}
    nothing = owner.post(f"zones/{zone.pk}/look", {"text": owner.get(f"zones/{zone.pk}").json()["text"]}).json()
    assert (nothing["added"], nothing["changed"], nothing["removed"], nothing["left_out"]) == ([], [], [], [])


def test_many_records_and_their_undo(world: World, zone: Domain, owner: Caller) -> None:
    before = contents(zone)
    wish = {"add": [{"name": "b", "type": "A", "content": "192.0.2.10"}], "delete": [zone.records.get(name="a").pk]}
    assert owner.post(f"zones/{zone.pk}/edit", wish).status_code == 202
    world.work()
    assert contents(zone) != before
    last = owner.get(f"zones/{zone.pk}").json()["last_change"]
    assert owner.post(f"operations/{last}/rollback").status_code == 202
    world.work()
    assert contents(zone) == before


@pytest.mark.parametrize(
    ("path", "data", "wrong"),
    [
        ("import-file", {"text": "$INCLUDE /etc/passwd"}, "zone_file_directive"),
        ("look", {"text": "a A x"}, "zone_file_invalid"),
        ("import-file", {"text": "x" * (1024 * 1024 + 1)}, "invalid"),
        ("import-file", {}, "invalid"),
        ("edit", {}, "nothing_chosen"),
        ("edit", {"add": [{"name": "a"}]}, "invalid"),
        ("edit", {"delete": ["x"]}, "invalid"),
        ("edit", {"change": [{"id": 2**70}]}, "invalid"),
    ],
)
def test_what_is_wrong_is_a_problem(zone: Domain, owner: Caller, path: str, data: Any, wrong: str) -> None:
    before = contents(zone)
    assert code(owner.post(f"zones/{zone.pk}/{path}", data)) == (422, wrong)
    assert contents(zone) == before


def test_strangers_onlookers_and_narrow_tokens(customer_interface: None, zone: Domain) -> None:
    stranger = Caller(people.member(factories.make_customer(name="Else")))
    viewer = Caller(people.member(zone.service.customer, MemberAccess.VIEWER))
    narrow = Caller(people.member(zone.service.customer), "zone:read")
    for path in ("look", "import-file", "edit"):
        data = {"text": FILE} if path != "edit" else {"delete": [1]}
        assert stranger.post(f"zones/{zone.pk}/{path}", data).status_code == 404
        assert code(viewer.post(f"zones/{zone.pk}/{path}", data)) == (403, "forbidden")
        assert code(narrow.post(f"zones/{zone.pk}/{path}", data)) == (403, "scope_missing")
    assert narrow.get(f"zones/{zone.pk}").status_code == 200
    assert stranger.get(f"zones/{zone.pk}").status_code == 404


# --- commands --------------------------------------------------------------------------------------------------------


def test_commands_export_preview_import_edit_and_undo(
    world: World, zone: Domain, manage: Manage, tmp_path: Path
) -> None:
    exported = manage("zone_export", "example.com")
    assert exported.status == 0 and exported.out.startswith("$ORIGIN example.com.")
    assert manage("zone_import", "example.com", "-", "--preview", piped=exported.out).status == 0
    before, file = contents(zone), tmp_path / "old.zone"
    file.write_text(FILE)
    look = manage("zone_import", "example.com", str(file), "--preview")
    assert look.status == 2 and "+ b.example.com 600 A 192.0.2.10" in look.out and contents(zone) == before
    assert "Line 2, example.com NS, is left out: The name servers" in look.err
    assert manage("zone_import", "example.com", str(file), "--preview", "--json").data["left_out"][0]["line"] == 2
    assert manage("zone_import", "example.com", str(file), "--yes").status == 0
    assert contents(zone) == {"20 mail.example.net.", "192.0.2.10"}
    edit = ("--add", "c 300 TXT hello there", "--replace", "@ 60 MX 5 mail.example.net.", "--delete", "b A")
    assert manage("zone_edit", "example.com", *edit, "--yes").status == 0
    assert set(zone.records.values_list("name", "ttl", "content")) == {
        ("c", 300, "hello there"), ("@", 60, "5 mail.example.net."),
    }  # fmt: skip
    assert manage("zone_undo", "example.com", "--yes").status == 0
    assert manage("zone_undo", "example.com", "--yes").status == 0
    assert contents(zone) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("zone_export", "nothing.test"), "not_found"),
        (("zone_import", "example.com", "/nowhere", "--yes"), "can't be read"),
        (("zone_edit", "example.com", "--yes"), "nothing_chosen"),
        (("zone_edit", "example.com", "--add", "x", "--yes"), "record_invalid"),
        (("zone_edit", "example.com", "--delete", "x A", "--yes"), "record_invalid"),
        (("zone_edit", "example.com", "--replace", "x A 192.0.2.1", "--yes"), "record_invalid"),
    ],
)
def test_commands_say_what_is_wrong(zone: Domain, manage: Manage, arguments: tuple[str, ...], said: str) -> None:
    ran = manage(*arguments)
    assert ran.status == 1 and said in ran.err
