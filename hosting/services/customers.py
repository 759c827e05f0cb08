"""Customers: who owns hosting services."""

from django.db import transaction

from accounts.belongings import keep
from accounts.models import Customer, Reseller
from accounts.services.customers import create_customer as _create
from accounts.services.customers import delete_customer as _delete
from audit.actor import Actor
from hosting.belongings import SERVICE
from hosting.choices import FINAL_STATES, ServiceState
from hosting.errors import HostingError
from hosting.models import Webhook
from hosting.services.holds import extend_holds
from hosting.services.limits import check_reseller_limit
from hosting.services.sites import forget_terminated
from hosting.services.validation import validated
from hosting.texts import N_, NN_


@transaction.atomic
def create_customer(
    *, actor: Actor, name: str, email: str = "", notes: str = "", reseller: Reseller | None = None
) -> Customer:
    """Add a customer, of the operator's own or of a reseller.

    Raises:
        HostingError: ``invalid`` (the name is taken, or the address is none), ``limit_reached`` (the reseller's).
    """
    if reseller is not None:
        check_reseller_limit(reseller, "max_customers", lambda row: row.customers.count())
    with validated():
        return _create(actor=actor, name=name, email=email, notes=notes, reseller=reseller)


@transaction.atomic
def delete_customer(*, actor: Actor, customer: Customer) -> None:
    """Delete a customer whose hosting services are all terminated. What was recorded of them stays.

    Raises:
        HostingError: ``customer_in_use``.
    """
    live = customer.services.exclude(state=ServiceState.TERMINATED).count()
    if live:
        raise HostingError(
            NN_(
                "%(name)s still has %(count)s hosting service(s).",
                "%(name)s still has %(count)s hosting service(s).",
                live,
                name=customer.name,
            ),
            code="customer_in_use",
            hint=N_("Delete those first; what they leave in the audit log stays."),
        )
    extend_holds(actor=actor)  # what is theirs can't be told any more afterwards
    for service in customer.services.all():
        if service.archive_until is not None:
            raise HostingError(
                N_(
                    "The final archive of %(username)s is kept until %(archive_until)s.",
                    username=service.username,
                    archive_until=format(service.archive_until, "%Y-%m-%d"),
                ),
                code="customer_in_use",
                hint=N_("Its rows are needed until the archive is gone from the node."),
            )
        if service.operations.exclude(state__in=FINAL_STATES).exists():
            raise HostingError(
                N_("An operation on %(username)s has not ended.", username=service.username),
                code="customer_in_use",
                hint=N_("Wait for it, or cancel it."),
            )
        forget_terminated(service)
        keep(customer.pk, SERVICE, [service.pk])
        service.delete()
    keep(customer.pk, Webhook._meta.label_lower, customer.webhooks.values_list("pk", flat=True))
    with validated():
        _delete(actor=actor, customer=customer)
