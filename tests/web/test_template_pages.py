"""Templates of records on pages: kept in the console, put into a zone in the console and in the portal."""

import pytest
from django.test import Client
from django.urls import reverse

from hosting.models import Domain, RecordTemplate
from hosting.services.record_templates import create_template
from tests import people
from tests.factories import make_reseller
from tests.unit.services.world import World
from tests.unit.zones.conftest import zone
from tests.unit.zones.test_templates import TEXT
from tests.web.pages import act, words
from tests.web.portal import signed_in

__all__ = ["zone"]

pytestmark = pytest.mark.django_db


def test_the_console_keeps_one_and_uses_it(world: World, zone: Domain, admin_client: Client) -> None:
    form = {"name": "Mail here", "text": TEXT}
    add = reverse("admin:hosting_recordtemplate_add")
    assert "stands for nothing" in words(admin_client.post(add, form | {"text": "@ 60 IN TXT {x}"}))
    admin_client.post(add, form)
    row = RecordTemplate.objects.get()
    assert "Mail here" in words(admin_client.get(reverse("admin:hosting_recordtemplate_changelist")))
    assert "mx.{domain}." in words(admin_client.get(reverse("admin:hosting_recordtemplate_change", args=(row.pk,))))
    act(admin_client, row, "edit", name="Mail", text=TEXT)
    row.refresh_from_db()
    assert row.name == "Mail"
    page = act(admin_client, zone, "use-template", template=row.pk, approval="look")
    assert "Adds 2" in words(page)
    act(admin_client, zone, "use-template", template=row.pk, approval="at_once")
    world.work()
    assert world.server.resolve("example.com", "MX") == {"5 mx.example.com."}
    act(admin_client, row, "remove")
    assert not RecordTemplate.objects.exists()


def test_the_portal_previews_and_uses_one(customer_interface: None, world: World, zone: Domain) -> None:
    person = signed_in(people.member(zone.service.customer))
    dns, url = reverse("portal:dns", args=(zone.pk,)), reverse("portal:zone_template", args=(zone.pk,))
    assert "Use a template" not in words(person.get(dns))
    row = create_template(actor=world.actor, name="Mail here", text=TEXT)
    other = create_template(actor=world.actor, name="Theirs", text=TEXT, reseller=make_reseller())
    assert "Use a template" in words(person.get(dns))
    assert "Theirs" not in words(person.get(url))
    assert "Adds 2" in words(person.post(url, {"template": row.pk, "approval": "look"}))
    assert person.post(url, {"template": other.pk, "approval": "at_once"}).context["form"].errors
    person.post(url, {"template": row.pk, "approval": "at_once"})
    world.work()
    assert world.server.resolve("example.com", "MX") == {"5 mx.example.com."}
