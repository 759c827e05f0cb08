"""``manage.py cert_revoke``: have a certificate declared void."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.auto_certificates import CertificateCommand, auto_certificate_at
from hosting.models import Operation
from hosting.services.auto_certificates import revoke_certificate


class Command(CertificateCommand):
    """Revoke an automatic certificate."""

    help = "Have the authority declare a domain's certificate void. The site answers without HTTPS from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        """A void certificate stays void, so it is said twice."""
        super().add_arguments(parser)
        parser.add_argument("--yes", "-y", action="store_true", help="do not ask")

    def act(self, options: dict[str, Any]) -> int:
        """Ask whether it is meant, then revoke."""
        if not options["yes"] and input(f"Type {options['domain']} to confirm: ").strip() != options["domain"]:
            self.say("Nothing was changed.")
            return 2
        return super().act(options)

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        auto = auto_certificate_at(self, options["domain"])
        return revoke_certificate(actor=self.actor, auto=auto, reason=options["reason"])
