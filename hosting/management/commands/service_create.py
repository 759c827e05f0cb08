"""``manage.py service_create``: a customer's hosting service."""

from typing import Any

from django.core.management.base import CommandParser

from accounts.models import Customer
from hosting.management.door import OperationCommand
from hosting.models import HostingPlan, Operation
from hosting.services.customers import create_customer
from hosting.services.sites import create_service
from hosting.transactions import retried


class Command(OperationCommand):
    """Create a hosting service."""

    help = "Create a hosting service with its main domain. A customer of that name is added if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, where, what."""
        super().add_arguments(parser)
        parser.add_argument("domain")
        parser.add_argument("--customer", required=True, help="the customer's name")
        parser.add_argument("--node", required=True)
        parser.add_argument("--plan", required=True, help="the hosting plan's name")
        parser.add_argument("--username", default="", help="Linux user (default: made from the domain)")
        parser.add_argument("--php", default="", help="PHP version (default: the newest on the node)")

    @retried
    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the service, in one transaction with its customer: a refusal leaves neither."""
        plan = self.find(HostingPlan, "plan_create", name=options["plan"], reseller=None)
        node = self.node(options["node"])
        customer = Customer.objects.filter(name=options["customer"], reseller=None).first()
        return create_service(
            actor=self.actor,
            customer=customer or create_customer(actor=self.actor, name=options["customer"]),
            node=node,
            plan=plan,
            domain=options["domain"],
            username=options["username"],
            php_version=options["php"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
