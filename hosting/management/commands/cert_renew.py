"""``manage.py cert_renew``: a new certificate before its time."""

from typing import Any

from hosting.management.auto_certificates import CertificateCommand, auto_certificate_at
from hosting.models import Operation
from hosting.services.auto_certificates import renew_certificate


class Command(CertificateCommand):
    """Renew an automatic certificate now."""

    help = "Renew a domain's automatic certificate now; the old one stays until the new one is there."

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        auto = auto_certificate_at(self, options["domain"])
        return renew_certificate(actor=self.actor, auto=auto, reason=options["reason"])
