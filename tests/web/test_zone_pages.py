"""Whole zones on pages: text, zone file, preview, undo, export; in the portal and in the console."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.choices import OperationKind, OperationState
from hosting.models import Domain
from tests import factories, people
from tests.unit.portal.name_server import name_server
from tests.unit.services.world import World
from tests.unit.zones.conftest import zone
from tests.unit.zones.test_doors import FILE, contents, newest
from tests.web.pages import words
from tests.web.portal import signed_in

__all__ = ["zone"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(customer_interface: None, zone: Domain) -> Client:
    return signed_in(people.member(zone.service.customer))


def test_the_portal_previews_imports_and_undoes(world: World, zone: Domain, person: Client) -> None:
    before, url = contents(zone), reverse("portal:zone_import", args=(zone.pk,))
    upload = {"file": SimpleUploadedFile("old.zone", FILE.encode()), "approval": "look"}
    page = person.post(url, upload)
    said = words(page)
    assert "Adds 1, changes 1, removes 4, keeps 0." in said and "Line 2, example.com NS:" in said
    assert contents(zone) == before
    text = page.context["form"]["text"].value()
    assert text == FILE, "a file's text stays on the page, so that the next button sends it"
    person.post(url, {"text": text, "approval": "at_once"})
    world.work()
    assert newest().state == OperationState.SUCCEEDED and contents(zone) == {"20 mail.example.net.", "192.0.2.10"}
    dns = person.get(reverse("portal:dns", args=(zone.pk,)))
    assert "Undo the last change" in words(dns)
    person.post(reverse("portal:operation_undo", args=(newest().pk,)), {"approval": "at_once"})
    world.work()
    assert newest().kind == OperationKind.ROLLBACK and contents(zone) == before


def test_the_portal_edits_as_text(world: World, zone: Domain, person: Client) -> None:
    url = reverse("portal:zone_text", args=(zone.pk,))
    text = person.get(url).context["form"]["text"].value()
    same = person.post(url, {"text": text.replace("\n", "\r\n"), "approval": "look"})
    assert "Changes nothing; keeps 5." in words(same)
    person.post(url, {"text": text.replace("192.0.2.9", "192.0.2.99"), "approval": "at_once"})
    world.work()
    assert world.server.resolve("a.example.com", "A") == {"192.0.2.99"}


@pytest.mark.parametrize("approval", ["look", "plan", "at_once"])
def test_the_portal_says_what_is_wrong_at_the_text(zone: Domain, person: Client, approval: str) -> None:
    before, url = contents(zone), reverse("portal:zone_import", args=(zone.pk,))
    page = person.post(url, {"text": "a A 192.0.2.1\n$INCLUDE /etc/passwd", "approval": approval})
    assert "Line 2: $INCLUDE is not followed." in str(page.context["form"].errors["text"])
    for file, field in ((b"\xff\xfe", "file"), (b"x" * (1024 * 1024 + 1), "file"), (b"", "file")):
        upload = {"file": SimpleUploadedFile("old.zone", file), "approval": approval}
        assert field in person.post(url, upload).context["form"].errors
    assert contents(zone) == before


def test_a_zone_is_taken_away_as_a_file(zone: Domain, person: Client) -> None:
    answer = person.get(reverse("portal:zone_export", args=(zone.pk,)))
    assert answer["Content-Disposition"] == 'attachment; filename="example.com.zone"'
    assert answer["Content-Type"] == "text/plain; charset=utf-8" and b"192.0.2.9" in answer.content
    stranger = signed_in(people.member(factories.make_customer(name="Else")))
    viewer = signed_in(people.member(zone.service.customer, MemberAccess.VIEWER))
    for name in ("zone_export", "zone_import", "zone_text"):
        assert stranger.get(reverse(f"portal:{name}", args=(zone.pk,))).status_code == 404
        expected = 200 if name == "zone_export" else 403
        assert viewer.get(reverse(f"portal:{name}", args=(zone.pk,))).status_code == expected


# --- console ---------------------------------------------------------------------------------------------------------


def console(zone: Domain, name: str) -> str:
    return reverse(f"admin:hosting_domain_{name}", args=(zone.pk,))


def test_the_console_previews_plans_and_exports(world: World, zone: Domain) -> None:
    client = signed_in(people.admin())
    page = client.post(console(zone, "import-zone"), {"text": FILE, "approval": "look"})
    assert "Adds 1, changes 1, removes 4, keeps 0." in words(page) and newest().state == OperationState.SUCCEEDED
    client.post(
        console(zone, "import-zone"), {"file": io.BytesIO(FILE.encode()), "approval": "plan", "reason": "moved"}
    )
    world.work()
    assert (newest().state, newest().reason) == (OperationState.PLANNED, "moved")
    text = client.get(console(zone, "edit-zone")).context["form"]["text"].value()
    assert "192.0.2.10" in text
    assert client.get(console(zone, "export-zone")).content.startswith(b"$ORIGIN example.com.")
    assert client.post(console(zone, "export-zone")).status_code == 405
    support = signed_in(people.support())
    assert support.get(console(zone, "export-zone")).status_code == 200
    assert support.get(console(zone, "import-zone")).status_code == 403
    assert Client().get(console(zone, "export-zone")).status_code in (302, 403)


def test_the_portal_signs_shows_the_ds_record_and_warns(
    settings: Any, world: World, zone: Domain, person: Client
) -> None:
    url = reverse("portal:dnssec", args=(zone.pk,))
    assert "Switching it on changes nothing for visitors yet." in words(person.get(url))
    person.post(url, {"approval": "at_once"})
    assert "The key is being made." in words(person.get(url))
    world.work()
    page = person.get(url)
    (ds,) = [record for record, _parts in page.context["ds"]]
    said = words(page)
    assert ds in said and f"Key tag {ds.split()[0]} Algorithm 13 Digest type 2" in said
    for records, told in (((ds,), "Your domain is protected."), ((), "has no DS record yet")):
        with name_server({("example.com", "DS"): list(records)} if records else {}) as server:
            settings.NPANEL_HEALTH_RESOLVERS = server.setting
            assert told in words(person.get(f"{url}?look=1"))
            answer = person.post(url, {"approval": "plan"})
            if records:
                assert "still has a DS record" in words(answer) and Domain.objects.get(pk=zone.pk).dnssec
    world.work()
    assert newest().kind == OperationKind.CHANGE_DNSSEC and newest().state == OperationState.PLANNED
    viewer = signed_in(people.member(zone.service.customer, MemberAccess.VIEWER))
    assert "Switch DNSSEC on" not in words(viewer.get(url)) and viewer.post(url).status_code == 403
    stranger = signed_in(people.member(factories.make_customer(name="Else")))
    assert stranger.get(url).status_code == 404 and stranger.post(url).status_code == 404


def test_the_console_signs_and_shows_the_ds_record(settings: Any, world: World, zone: Domain) -> None:
    client = signed_in(people.admin())
    client.post(console(zone, "sign-zone"), {"approval": "at_once"})
    world.work()
    ds = Domain.objects.get(pk=zone.pk).ds
    assert ds and ds in words(client.get(console(zone, "change")))
    with name_server({("example.com", "DS"): [ds]}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        assert "still has a DS record" in words(client.post(console(zone, "unsign-zone"), {"approval": "plan"}))
        client.post(console(zone, "unsign-zone"), {"approval": "plan", "although_published": "on"})
    assert newest().kind == OperationKind.CHANGE_DNSSEC and newest().needs_approval
