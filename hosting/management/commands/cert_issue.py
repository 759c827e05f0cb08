"""``manage.py cert_issue``: a certificate from the certificate authority."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.auto_certificates import CertificateCommand, domain_at
from hosting.models import Operation
from hosting.services.auto_certificates import issue_certificate


class Command(CertificateCommand):
    """Get a certificate for a domain."""

    help = "Get a certificate for a domain from the certificate authority (ACME), and renew it from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        """For which names."""
        super().add_arguments(parser)
        parser.add_argument("--wildcard", action="store_true", help="for all names below it too; needs its zone here")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        domain = domain_at(self, options["domain"])
        return issue_certificate(
            actor=self.actor, domain=domain, wildcard=options["wildcard"], reason=options["reason"]
        )
