"""The people every door is tried with: operators, a colleague who only looks, a stranger; customers', resellers'."""

from functools import cache
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, Membership, Reseller, User
from audit.actor import Actor, ActorType

PASSWORD = "correct horse battery staple"


def admin() -> User:
    """An administrator (made once)."""
    return _person("admin@panel.test", Role.ADMIN)


def support() -> User:
    """A colleague from support, who reads."""
    return _person("support@panel.test", Role.SUPPORT)


def stranger() -> User:
    """Somebody with an account who may not open the console."""
    return _person("stranger@panel.test", Role.CUSTOMER)


def member(customer: Customer, access: str = MemberAccess.OWNER) -> User:
    """A person of a customer: its owner, its manager or its viewer (each made once)."""
    user = _person(f"{access}-{customer.pk}@customer.test", Role.CUSTOMER)
    Membership.objects.get_or_create(user=user, customer=customer, defaults={"access": access})
    return user


def reseller(of: Reseller) -> User:
    """A person who works for a reseller (made once)."""
    return _person(f"sales-{of.pk}@reseller.test", Role.RESELLER, reseller=of)


def actor(user: User, interface: str = "customer") -> Actor:
    """A person as services and audit events see them."""
    return Actor(type=ActorType.USER, id=str(user.pk), login=user.email, role=user.role, interface=interface)


def prove(client: Any) -> None:
    """Give a session that began without any (``force_login``) the proof of a moment ago, as the form would store it."""
    request = HttpRequest()
    request.session = client.session
    user = User.objects.get(pk=request.session[SESSION_KEY])
    record_authentication(request, user, method="password", reauthenticated=True)
    request.session.save()


def _person(email: str, role: str, **fields: Any) -> User:
    found = User.objects.filter(email=email).first()
    if found is None:
        found = User.objects.create_user(email, role=role, is_superuser=role == Role.ADMIN, **fields)
        found.password = _hash()
        found.save(update_fields=["password"])
    return found


@cache
def _hash() -> str:
    """The hash of :data:`PASSWORD`, made once: each costs what it should cost."""
    return make_password(PASSWORD)


def operator() -> Actor:
    """An administrator as services and audit events see one, without a row."""
    return Actor(type=ActorType.USER, id="1", login="admin@panel.test", role=Role.ADMIN, interface="admin")
