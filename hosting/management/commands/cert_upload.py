"""``manage.py cert_upload``: serve a domain's site with a certificate of one's own."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.certificates import domain_of, read_pem
from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.certificates import upload_certificate


class Command(OperationCommand):
    """Upload a certificate."""

    help = "Serve a domain's site over HTTPS with a certificate from a file, in place of the one that it may have."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which domain, and where the files are."""
        super().add_arguments(parser)
        parser.add_argument("domain")
        parser.add_argument("chain", help="PEM file: the certificate and those that vouch for it; - is standard input")
        parser.add_argument("--key", help="PEM file of the private key, unless the first file holds it")
        parser.add_argument("--all-domains", action="store_true", help="use it for every domain that it is for")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return upload_certificate(
            actor=self.actor,
            domain=domain_of(self, options["domain"]),
            chain=read_pem(options["chain"]),
            private_key=read_pem(options["key"]) if options["key"] else "",
            all_domains=options["all_domains"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
