"""``manage.py person_create``: a person who may open the portal for a customer."""

import secrets
import sys
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from accounts.choices import MemberAccess
from accounts.models import Customer
from accounts.services.customer_people import create_customer_person
from hosting.management.door import HostingCommand
from hosting.services.customers import create_customer
from hosting.services.validation import validated


class Command(HostingCommand):
    """Add a customer's person."""

    help = (
        "Add a person who may open the portal for a customer; a customer of that name is added if there is none. The "
        "password is read with --password-stdin or made and shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, for whom, how far."""
        super().add_arguments(parser)
        parser.add_argument("email")
        parser.add_argument("--customer", required=True, help="the customer's name")
        parser.add_argument("--access", choices=MemberAccess.values, default=MemberAccess.OWNER.value)
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    @transaction.atomic
    def act(self, options: dict[str, Any]) -> int:
        """Add the person, in one transaction with a new customer: a refusal leaves neither."""
        given = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else ""
        password, name = given or secrets.token_urlsafe(15), options["customer"]
        customer = Customer.objects.filter(name=name, reseller=None).first()
        customer = customer or create_customer(actor=self.actor, name=name)
        access = options["access"]
        with validated():
            user = create_customer_person(
                actor=self.actor, customer=customer, email=options["email"], password=password, access=access
            )
        shown = {} if given else {"password": password}
        note = "" if given else f"\nPassword (shown once): {password}"
        data = {"email": user.email, "customer": customer.name, "access": access, **shown}
        self.show(data, f"{user.email} may open the portal for {customer.name}.{note}")
        return 0
