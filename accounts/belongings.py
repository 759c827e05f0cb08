"""Keeps what was a customer's, so that its history is found by the customer's name when the rows are gone."""

from collections.abc import Iterable
from typing import Any

from accounts.models import Belonging, Customer, User
from audit.models import Erasure


def keep(customer_id: int, kind: str, keys: Iterable[Any]) -> None:
    """Note that things were a customer's; what is noted already stays.

    Args:
        kind: their type as audit events name it, or ``Belonging.NAME``. keys: names, or ids as audit events have them.
    """
    wanted = {str(key)[:190] for key in keys}
    known = Belonging.objects.filter(customer_id=customer_id, kind=kind).values_list("key", flat=True)
    rows = [Belonging(customer_id=customer_id, kind=kind, key=key) for key in sorted(wanted.difference(known))]
    Belonging.objects.bulk_create(rows, ignore_conflicts=True)


def keep_customer(customer: Customer) -> None:
    """Note a customer's members, and the name unless it was erased, before they go."""
    if not Erasure.objects.filter(pk=f"customer:{customer.pk}").exists():
        keep(customer.pk, Belonging.NAME, [customer.name])
    keep(customer.pk, User._meta.label_lower, customer.memberships.values_list("user", flat=True))


def keep_person(user: User) -> None:
    """Note whose member somebody was, before they go."""
    for customer_id in user.memberships.values_list("customer", flat=True):
        keep(customer_id, User._meta.label_lower, [user.pk])


def forget_names(customer_id: int) -> None:
    """Forget what a customer was called, when it is erased: names are personal, ids are not."""
    Belonging.objects.filter(customer_id=customer_id, kind=Belonging.NAME).delete()
