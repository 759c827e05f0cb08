"""People of these tests, and the customers' interface with a page to land on."""

from typing import Any

import pytest
from django.urls import NoReverseMatch, reverse

from accounts.models import Customer
from audit.actor import Actor
from tests import factories, people


@pytest.fixture
def admin_actor() -> Actor:
    """An administrator who acts."""
    return people.operator()


@pytest.fixture
def customer(db: None) -> Customer:
    """A customer with an owner."""
    found = factories.make_customer()
    people.member(found)
    return found


@pytest.fixture
def portal(customer_interface: None, settings: Any) -> None:
    """The customers' interface; people land on their account page where the portal has no page of its own."""
    try:
        reverse(settings.LOGIN_REDIRECT_URL)
    except NoReverseMatch:
        settings.LOGIN_REDIRECT_URL = "account_security"
