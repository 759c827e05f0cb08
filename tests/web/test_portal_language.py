"""The portal's language menu: kept with the person, also for the next browser; errors come in it too."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.web.pages import words
from tests.web.portal import account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


def test_the_choice_is_kept_with_the_person() -> None:
    """German is chosen once, and is there in another browser whose own language is English; and back."""
    person = account().person()
    first, home = signed_in(person), reverse("portal:home")
    answer = first.post(reverse("portal:language"), {"language": "de", "next": home})
    assert (answer.status_code, answer["Location"]) == (302, home)
    person.refresh_from_db()
    assert person.language == "de"
    other = signed_in(person)
    assert '<html lang="de">' in other.get(home, headers={"accept-language": "en"}).content.decode()
    first.post(reverse("portal:language"), {"language": "en"})
    assert '<html lang="en">' in other.get(home, headers={"accept-language": "de"}).content.decode()


def test_what_is_no_language_changes_nothing() -> None:
    """An unknown code, nobody signed in, and an address elsewhere to go on to."""
    person = account().person()
    client, where = signed_in(person), reverse("portal:language")
    client.post(where, {"language": "xx"})
    person.refresh_from_db()
    assert person.language == ""
    assert "evil.example" not in client.post(where, {"language": "de", "next": "https://evil.example/"})["Location"]
    assert "/login/" in Client().post(where, {"language": "de"})["Location"]


def test_refusals_are_translated() -> None:
    """What a service refuses is said in the reader's language at the form."""
    own = account()
    client, add = signed_in(own.person()), reverse("portal:domain_add")
    english = words(client.post(add, {"name": "no name"}))
    german = words(client.post(add, {"name": "no name"}, headers={"accept-language": "de"}))
    assert "is not a host name" in english
    assert "is not a host name" not in german
