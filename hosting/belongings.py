"""Says what a customer's name stands for in logs, operations and audit events, also when the customer is gone."""

from collections.abc import Iterable
from typing import Any

from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from accounts.models import Belonging, Customer, Membership, User
from hosting.models import HostingService, Webhook
from observability.names import Known, register_names

#: The type of a hosting service as events of operations have it; those of uploads and restores have the model's.
SERVICE = "service"
_CUSTOMER, _USER = Customer._meta.label_lower, User._meta.label_lower
_ID = "customer:"


def known_customer(name: str) -> Known | None:
    """The customer who has or had a name, with all that is or was theirs; two, where two resellers use one name.

    Args:
        name: in any case; or ``customer:ID``.
    """
    ids = _ids(name)
    if not ids:
        return None
    targets = {kind: tuple(sorted(keys)) for kind, keys in _targets(ids).items() if keys}
    names, tenants = dict.fromkeys([name, *_names(ids)]), (str(pk) for pk in ids)
    return Known(tuple(names), tuple(tenants), targets, targets.get(_USER, ()))


def _ids(name: str) -> list[int]:
    digits = name.removeprefix(_ID)
    if digits != name and digits.isascii() and digits.isdigit() and len(digits) < 19:
        return [int(digits)]
    live, gone = Customer.objects.all(), Belonging.objects.filter(kind=Belonging.NAME)
    found = {*live.filter(name=name).values_list("pk", flat=True)}
    found.update(gone.filter(key=name).values_list("customer_id", flat=True))
    if not found:  # the databases' own rules for capitals differ, and no index knows them
        found.update(live.filter(Exact(Lower("name"), name.lower())).values_list("pk", flat=True))
        found.update(gone.filter(Exact(Lower("key"), name.lower())).values_list("customer_id", flat=True))
    return sorted(found)


def _names(ids: list[int]) -> Iterable[str]:
    yield from Customer.objects.filter(pk__in=ids).order_by().values_list("name", flat=True)
    former = Belonging.objects.filter(customer_id__in=ids, kind=Belonging.NAME)
    yield from former.order_by("pk").values_list("key", flat=True)


def _targets(ids: list[int]) -> dict[str, set[str]]:
    hooks = Webhook.objects.filter(customer__in=ids).order_by().values_list("pk", flat=True)
    found: dict[str, set[str]] = {
        _CUSTOMER: {str(pk) for pk in ids},
        "audit.subject": {f"{_ID}{pk}" for pk in ids},
        _USER: _texts(Membership.objects.filter(customer__in=ids).order_by().values_list("user", flat=True)),
        SERVICE: _texts(HostingService.objects.filter(customer__in=ids).order_by().values_list("pk", flat=True)),
        Webhook._meta.label_lower: _texts(hooks),
    }
    former = Belonging.objects.filter(customer_id__in=ids).exclude(kind=Belonging.NAME)
    for kind, key in former.values_list("kind", "key"):
        found.setdefault(kind, set()).add(key)
    found[HostingService._meta.label_lower] = found[SERVICE]
    return found


def _texts(values: Iterable[Any]) -> set[str]:
    return {str(value) for value in values}


def register() -> None:
    """Let the searches know."""
    register_names(known_customer)
