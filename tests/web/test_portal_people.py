"""Who may sign in for an account: seen by all its people, changed by its owners."""

import pytest
from django.urls import reverse

from accounts.choices import MemberAccess
from accounts.models import Membership
from hosting.use_cases import USE_CASES
from tests import people
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]
needs_members = pytest.mark.skipif("member.add" not in USE_CASES, reason="members come with sign-in")


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


@needs_members
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


@needs_members
def test_the_last_owner_stays(anna: Account) -> None:
    """The refusal is a sentence on the page."""
    row = Membership.objects.get(user=anna.person())
    page = signed_in(anna.person()).post(reverse("portal:person_remove", args=(row.pk,)))
    assert page.status_code == 200 and "last owner" in words(page)


@needs_members
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


def test_without_members_there_is_no_such_page(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the use case offers nothing and answers 404."""
    monkeypatch.delitem(USE_CASES, "member.add", raising=False)
    client = signed_in(anna.person())
    assert client.get(reverse("portal:person_add", args=(anna.service.customer_id,))).status_code == 404
    assert "Let somebody in" not in words(client.get(reverse("portal:people")))
