"""Legal holds in the console: placed and released with a reason, by administrators only, and seen by operators only."""

import pytest
from django.test import Client

from audit.models import Event, LegalHold
from tests import people
from tests.factories import make_customer, make_service
from tests.web.pages import words
from tests.web.portal import signed_in

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/audit/legalhold/", "/admin/audit/legalhold/add/"


def place(client: Client, **data: str) -> LegalHold:
    answer = client.post(ADD, {"customer": "Ada Ltd", "target": "", "reason": "Case 12", **data})
    assert answer.status_code == 302, words(answer)
    return LegalHold.objects.filter(part_of=None).latest("pk")


def test_a_customer_is_held_and_released(admin_client: Client) -> None:
    service = make_service(customer=make_customer(name="Ada Ltd"))
    hold = place(admin_client, since="2026-01-01", until="2026-12-31")
    assert (hold.target_label, hold.is_whole, f"{hold.since:%F}", f"{hold.until:%F}") == (
        "Ada Ltd", True, "2026-01-01", "2027-01-01",
    )  # fmt: skip
    page = f"{LIST}{hold.pk}"
    shown = words(admin_client.get(f"{page}/change/"))
    assert f"service:{service.pk}" in shown
    assert "Case 12" in shown
    assert "In force" in words(admin_client.get(LIST))
    assert "placed" in words(admin_client.get(f"{page}/change/?tab=audit")).lower()

    for half in ({"reason": "over"}, {"confirmed": "on"}):
        assert admin_client.post(f"{page}/release/", half).status_code == 200
        assert LegalHold.objects.filter(released_at=None).count() == 3
    assert admin_client.post(f"{page}/release/", {"reason": "over", "confirmed": "on"}).status_code == 302

    assert not LegalHold.objects.filter(released_at=None).exists()
    assert Event.objects.get(verb="audit.release").reason == "over"
    shown = words(admin_client.get(f"{page}/change/"))
    assert "Released" in shown
    assert "Release the hold" not in shown
    assert "released before" in words(admin_client.post(f"{page}/release/", {"reason": "twice", "confirmed": "on"}))


def test_everything_or_one_target(admin_client: Client) -> None:
    assert place(admin_client, customer="").target_type == ""
    hold = place(admin_client, customer="", target="service:42")
    assert (hold.target_type, hold.target_id) == ("service", "42")
    assert "All events" in words(admin_client.get(f"{LIST}{hold.pk - 1}/change/"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"customer": "Nobody"}, "There is no customer Nobody"),
        ({"customer": "", "target": "service"}, "service is no target"),
        ({"target": "service:1"}, "not both"),
        ({"reason": ""}, "This field is required"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "ends before it begins"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(admin_client: Client, data: dict[str, str], said: str) -> None:
    make_customer(name="Ada Ltd")
    answer = admin_client.post(ADD, {"customer": "Ada Ltd", "target": "", "reason": "Case 12", **data})
    assert answer.status_code == 200
    assert said in words(answer)
    assert not LegalHold.objects.exists()


def test_support_looks_and_does_not_act(admin_client: Client) -> None:
    make_customer(name="Ada Ltd")
    hold = place(admin_client)
    client = signed_in(people.support())
    assert "Case 12" in words(client.get(f"{LIST}{hold.pk}/change/"))
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {"reason": "x"}).status_code == 403
    assert client.post(f"{LIST}{hold.pk}/release/", {"reason": "x", "confirmed": "on"}).status_code == 403
    hold.refresh_from_db()
    assert hold.released_at is None
    assert LegalHold.objects.count() == 1


def test_what_a_hold_keeps_is_no_page_of_its_own(admin_client: Client) -> None:
    make_service(customer=make_customer(name="Ada Ltd"))
    place(admin_client)
    part = LegalHold.objects.exclude(part_of=None).latest("pk")
    assert admin_client.get(f"{LIST}{part.pk}/change/").status_code in (302, 404)
    assert admin_client.post(f"{LIST}{part.pk}/release/", {"reason": "x", "confirmed": "on"}).status_code in (302, 404)
    assert LegalHold.objects.get(pk=part.pk).released_at is None
