"""Who may sign in for an account: seen by all its people, changed by its owners."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from accounts.models import Membership
from tests import people
from tests.unit.accounts.doors import letters
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def anna() -> Account:
    """An account with an owner and a viewer."""
    made = account()
    made.person()
    made.person(MemberAccess.VIEWER)
    return made


def test_everybody_of_the_account_sees_who_is_in(anna: Account) -> None:
    """Names and access; nobody of another account; no buttons for who only looks."""
    stranger = account("berta", "berta.example").person()
    page = words(signed_in(anna.person(MemberAccess.VIEWER)).get(reverse("portal:people")))
    assert f"{anna.person().email} Owner" in page and "(you)" in page
    assert stranger.email not in page and "Let somebody in" not in page


def test_an_owner_lets_somebody_in_changes_and_removes(anna: Account) -> None:
    """Three forms; each says what is wrong at its field."""
    client, customer = signed_in(anna.person()), anna.service.customer
    add = reverse("portal:person_add", args=(customer.pk,))
    assert client.post(add, {"email": "no address", "access": "viewer"}).context["form"].errors["email"]
    assert "They were let in." in words(client.post(add, {"email": "new@x.example", "access": "viewer"}, follow=True))
    row = Membership.objects.get(user__email="new@x.example")
    client.post(reverse("portal:person_access", args=(row.pk,)), {"access": "manager"})
    row.refresh_from_db()
    assert row.access == MemberAccess.MANAGER
    client.post(reverse("portal:person_remove", args=(row.pk,)))
    assert not Membership.objects.filter(pk=row.pk).exists()


def test_the_last_owner_stays(anna: Account) -> None:
    """The refusal is a sentence on the page."""
    row = Membership.objects.get(user=anna.person())
    page = signed_in(anna.person()).post(reverse("portal:person_remove", args=(row.pk,)))
    assert page.status_code == 200 and "last owner" in words(page)


def test_others_may_not(anna: Account) -> None:
    """A manager and a viewer get 403, a stranger 404; the customer's reseller may."""
    row = Membership.objects.get(user=anna.person(MemberAccess.VIEWER))
    urls = [reverse("portal:person_add", args=(anna.service.customer_id,))]
    urls += [reverse(f"portal:person_{name}", args=(row.pk,)) for name in ("access", "remove")]
    answers = {
        anna.person(MemberAccess.MANAGER): 403, anna.person(MemberAccess.VIEWER): 403,
        account("berta", "berta.example").person(): 404, people.reseller(anna.reseller): 200,
    }  # fmt: skip
    for person, status in answers.items():
        client = signed_in(person)
        for url in urls:
            assert client.get(url).status_code == status, (person, url)


def test_who_is_let_in_gets_a_letter_and_gets_in(
    anna: Account, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    """The letter leads to a page where a password is chosen; with it the account's things are seen, by access."""
    add = reverse("portal:person_add", args=(anna.service.customer_id,))
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(anna.person()).post(add, {"email": "new@x.example", "access": "viewer"})
    (invitation,) = letters()
    assert invitation.to == ["new@x.example"] and anna.service.customer.name in invitation.body
    client.post(re.search(r"https?://[^/]+(/\S+)", invitation.body)[1], {"email": "new@x.example"})  # type: ignore[index]
    letter = letters(2)[1]
    link = re.search(r"https?://[^/]+(/portal/account/password/reset/key/\S+)", letter.body)
    assert link, letter.body
    chosen = {"password1": "a long enough sentence", "password2": "a long enough sentence"}
    client.post(client.get(link[1]).context["onward"], chosen)
    client.post("/portal/account/login/", {"login": "new@x.example", "password": "a long enough sentence"})
    seen = words(client.get(reverse("portal:domains")))
    assert "anna.example" in seen and "Add domain" not in seen


@pytest.mark.parametrize("access", ["owner", "manager", "viewer"])
def test_what_each_access_may_ask_for(anna: Account, access: str) -> None:
    """Everybody looks; managers change things; owners change people; no member does what a reseller does."""
    service, domain = anna.service.pk, anna.domain.pk
    looks = {
        "home": (),
        "domains": (),
        "databases": (),
        "activity": (),
        "people": (),
        "service": (service,),
        "dns": (domain,),
    }
    changes = {"domain_add": (), "record_add": (domain,), "database_add": (), "service_php": (service,)}
    peoples = {"person_add": (anna.service.customer_id,)}
    sells = {
        "service_delete": (service,),
        "service_suspend": (service,),
        "service_restore": (service,),
        "customers": (),
    }
    client, level = signed_in(anna.person(access)), ["viewer", "manager", "owner"].index(access)
    for least, pages in enumerate((looks, changes, peoples, sells)):
        for name, args in pages.items():
            expected = 200 if level >= least else 403
            assert client.get(reverse(f"portal:{name}", args=args)).status_code == expected, name
