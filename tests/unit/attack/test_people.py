"""People: letters without end, a member who comes back, what an invitation tells, one-time codes used twice."""

import contextlib
import threading
import time

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.test.utils import override_settings

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, Membership, User
from hosting.errors import HostingError
from hosting.policies import perform
from hosting.services.members import change_access, remove_member
from tests import factories, people
from tests.unit.accounts.doors import PORTAL, add_app, code, is_in, sign_in

pytestmark = pytest.mark.django_db


def test_who_was_removed_does_not_come_back_by_a_change_that_began_before(customer: Customer) -> None:
    owner = people.actor(people.member(customer))
    other = User.objects.create_user("second-owner@customer.test", people.PASSWORD, role=Role.CUSTOMER)
    theirs = Membership.objects.create(user=other, customer=customer, access=MemberAccess.OWNER)
    stale = Membership.objects.get(pk=theirs.pk)  # found by the door of the second owner, who changes their own access
    remove_member(actor=owner, membership=theirs)  # meanwhile the first owner removes them, and the row's lock is free
    with contextlib.suppress(HostingError):
        change_access(actor=people.actor(other), membership=stale, access=MemberAccess.OWNER)
    assert not Membership.objects.filter(user=other, customer=customer).exists()


@pytest.mark.django_db(transaction=True)
def test_an_owner_cannot_send_somebody_letters_without_end(portal: None) -> None:
    customer = factories.make_customer()
    actor = people.actor(people.member(customer))
    for _round in range(60):
        try:
            row = perform(actor, "member.add", customer, email="victim@elsewhere.test")
            perform(actor, "member.remove", row)
        except HostingError:
            break
    for thread in threading.enumerate():
        if thread.name == "letter":
            thread.join()
    assert 1 <= len(mail.outbox) <= 20, f"{len(mail.outbox)} letters to one address"


@override_settings(
    CACHES={"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "npanel_cache"}}
)
def test_a_one_time_code_stays_used_whatever_strangers_do(portal: None, client: Client, customer: Customer) -> None:
    call_command("createcachetable")
    owner = people.member(customer)
    sign_in(client, owner.email, door=PORTAL)
    secret = add_app(client, PORTAL)
    shown = code(secret, 1)  # the next one: what was typed to add the app is used
    first, second = Client(), Client()
    for browser in (first, second):
        sign_in(browser, owner.email, door=PORTAL)
    first.post(f"{PORTAL}second-factor/step/", {"code": shown})
    assert is_in(first, PORTAL)
    second.post(f"{PORTAL}second-factor/step/", {"code": shown})
    assert not is_in(second, PORTAL)  # it works once
    for number in range(295):  # as as many requests would leave them (faster: the code must still be good afterwards)
        cache.set(f"throttle:api-address:2001:db8::{number:x}", [time.time()], 60)
    for number in range(300, 320):  # anybody with one IPv6 network: each address has a budget of its own, and a row
        _refused(f"2001:db8::{number:x}")
    second.post(f"{PORTAL}second-factor/step/", {"code": shown})
    assert not is_in(second, PORTAL)


def _refused(ip: str) -> int:
    """What a made-up token gets from an address."""
    return Client().get("/api/v1/me", headers={"authorization": "Bearer np_x_y"}, REMOTE_ADDR=ip).status_code


def test_the_api_counts_an_ipv6_network_as_one(portal: None) -> None:
    cache.clear()
    assert 429 in [_refused("203.0.113.9") for _n in range(70)]  # the limit that is meant
    assert 429 in [_refused(f"2001:db8::{number:x}") for number in range(70)]


def test_requests_without_a_token_are_counted_too(portal: None) -> None:
    cache.clear()
    assert 429 in [Client().get("/api/v1/me").status_code for _n in range(70)]
