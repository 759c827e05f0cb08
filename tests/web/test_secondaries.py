"""Secondaries in the console: list, page, adding one and removing it; support only reads."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hosting.models import Secondary
from tests import people
from tests.unit.services.world import World
from tests.web.pages import act, words

pytestmark = pytest.mark.django_db
LIST = "admin:hosting_secondary_changelist"


def added(client: Client, world: World, **data: Any) -> Any:
    form = {"node": world.node.pk, "name": "ns2.example.net", "address": "192.0.2.53", "approval": "at_once"} | data
    return client.post(reverse("admin:hosting_secondary_add"), form, follow=True)


def test_one_is_added_shown_and_removed(world: World, admin_client: Client) -> None:
    assert added(admin_client, world).status_code == 200
    row = Secondary.objects.get()
    page = reverse("admin:hosting_secondary_change", args=(row.pk,))
    assert "Waiting" in words(admin_client.get(page)) and "ns2.example.net" in words(admin_client.get(reverse(LIST)))
    world.work()
    said = words(admin_client.get(page))
    assert "Set up" in said and "fake1.npanel.invalid" in said and "192.0.2.1" in said
    assert "manage.py secondary_show fake1 ns2.example.net --with-key" in admin_client.get(page).content.decode()
    act(admin_client, row, "remove", approval="at_once")
    world.work()
    assert not Secondary.objects.exists()


def test_a_refusal_stands_at_its_field(world: World, admin_client: Client) -> None:
    answer = added(admin_client, world, address="nowhere")
    assert "address" in answer.context["form"].errors
    answer = added(admin_client, world, key="short")
    assert "key" in answer.context["form"].errors and "short" not in words(answer)
    assert not Secondary.objects.exists()


def test_support_reads_and_changes_nothing(world: World, admin_client: Client, client: Client) -> None:
    added(admin_client, world)
    client.force_login(people.support())
    row = Secondary.objects.get()
    assert "ns2.example.net" in words(client.get(reverse("admin:hosting_secondary_change", args=(row.pk,))))
    assert act(client, row, "remove", approval="at_once").status_code == 403
    assert added(client, world, name="ns3.example.net").status_code == 403
    assert Secondary.objects.count() == 1
