"""What can be done with customers, one function per use case."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from accounts.belongings import keep_customer
from accounts.models import Customer, Reseller
from accounts.verbs import CUSTOMER_CREATE, CUSTOMER_DELETE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record


@transaction.atomic
def create_customer(
    *, actor: Actor, name: str, email: str = "", notes: str = "", reseller: Reseller | None = None
) -> Customer:
    """Add a customer, of the operator's own or of a reseller.

    Raises:
        ValidationError: the name is taken or the address is none.
    """
    customer = Customer(name=name.strip(), email=email, notes=notes, reseller=reseller)
    customer.full_clean()
    customer.save()
    record(
        verb=CUSTOMER_CREATE,
        actor=actor,
        target=customer,
        outcome=Outcome.SUCCEEDED,
        after={"name": name, "email": email, "reseller": str(reseller or "")},
    )
    return customer


@transaction.atomic
def delete_customer(*, actor: Actor, customer: Customer) -> None:
    """Delete a customer who has no hosting service. What was recorded of them stays.

    Raises:
        ValidationError: hosting services (also terminated ones) still name them.
    """
    target = Target.of(customer)
    keep_customer(customer)
    try:
        customer.delete()
    except ProtectedError as error:
        raise ValidationError(_("This customer still has hosting services; delete those first.")) from error
    record(verb=CUSTOMER_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED)
