"""What the commands for automatic certificates share: they ask an authority, so there is no plan to look at first."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand, OperationCommand
from hosting.models import AutoCertificate, Domain


class CertificateCommand(OperationCommand):
    """A command that has an authority asked, and waits for the end."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which domain, why, and how long to wait."""
        HostingCommand.add_arguments(self, parser)
        parser.add_argument("domain")
        parser.add_argument("--reason", default="", help="why; kept in the audit log")
        parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for the end (default 600)")

    def act(self, options: dict[str, Any]) -> int:
        """Ask for it, and wait."""
        operation = self.request(options, wait_for_approval=False)
        return self._report(self._drive(operation, options["timeout"]))


def domain_at(command: HostingCommand, name: str) -> Domain:
    """A domain that is held.

    Raises:
        HostingError: ``not_found``.
    """
    return command.find(Domain, "service_create", name_key=name.lower())


def auto_certificate_at(command: HostingCommand, name: str) -> AutoCertificate:
    """What NPanel does about a domain's certificate.

    Raises:
        HostingError: ``not_found``.
    """
    return command.find(AutoCertificate, "cert_issue", domain__name_key=name.lower())
