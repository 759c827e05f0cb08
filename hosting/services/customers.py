"""Customers: who owns hosting services."""

from django.db import transaction

from accounts.models import Customer
from accounts.services import create_customer as _create
from accounts.services import delete_customer as _delete
from audit.actor import Actor
from hosting.choices import FINAL_STATES, ServiceState
from hosting.errors import HostingError
from hosting.services.sites import forget_terminated
from hosting.services.validation import validated


def create_customer(*, actor: Actor, name: str, email: str = "", notes: str = "") -> Customer:
    """Add a customer.

    Raises:
        HostingError: ``invalid`` (the name is taken, or the address is none).
    """
    with validated():
        return _create(actor=actor, name=name, email=email, notes=notes)


@transaction.atomic
def delete_customer(*, actor: Actor, customer: Customer) -> None:
    """Delete a customer whose hosting services are all terminated. What was recorded of them stays.

    Raises:
        HostingError: ``customer_in_use``.
    """
    live = customer.services.exclude(state=ServiceState.TERMINATED).count()
    if live:
        raise HostingError(
            f"{customer.name} still has {live} hosting service(s).",
            code="customer_in_use",
            hint="Delete those first; what they leave in the audit log stays.",
        )
    for service in customer.services.all():
        if service.archive_until is not None:
            raise HostingError(
                f"The final archive of {service.username} is kept until {service.archive_until:%Y-%m-%d}.",
                code="customer_in_use",
                hint="Its rows are needed until the archive is gone from the node.",
            )
        if service.operations.exclude(state__in=FINAL_STATES).exists():
            raise HostingError(
                f"An operation on {service.username} has not ended.",
                code="customer_in_use",
                hint="Wait for it, or cancel it.",
            )
        forget_terminated(service)
        service.delete()
    with validated():
        _delete(actor=actor, customer=customer)
