"""``manage.py cert_remove``: serve sites without HTTPS again."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Certificate, Operation
from hosting.services.certificates import remove_certificate


class Command(OperationCommand):
    """Remove a certificate."""

    help = "Remove the certificate of a domain, from every domain that uses it; they answer without HTTPS again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and whether to go ahead against advice."""
        super().add_arguments(parser)
        parser.add_argument("domain")
        parser.add_argument(
            "--although-hsts", action="store_true", help="even if browsers insist on HTTPS and do not get there then"
        )

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        name = options["domain"].strip().lower().rstrip(".")
        return remove_certificate(
            actor=self.actor,
            certificate=self.find(Certificate, "cert_list", domains__name_key=name),
            although_hsts=options["although_hsts"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
