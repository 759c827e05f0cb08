"""``manage.py panel_certificate``: the TLS certificate that the panel's ports present."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from npanel.panel_certificate import HINT, TlsFiles, reasons_against, tls_files
from observability.certificates import UnreadableCertificate, ensure_self_signed, read_certificate


class Command(BaseCommand):
    """Show, check or (in development) make it."""

    help = (
        "Show the panel's TLS certificate. In development a missing or expired one is made, signed by itself; with "
        "--check nothing is made and everything that production refuses is listed, with exit status 1."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to judge."""
        parser.add_argument("--check", action="store_true", help="judge it as production does")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show it, or refuse it."""
        files = tls_files()
        if options["check"] or settings.PRODUCTION:
            self._judge(files)
        elif ensure_self_signed(files.certificate, files.key):
            self.stdout.write("Made a self-signed certificate.")
        self._show(files)

    def _judge(self, files: TlsFiles) -> None:
        hosts = settings.ALLOWED_HOSTS if settings.PRODUCTION else ()
        if found := reasons_against(files, hosts):
            raise CommandError("\n  ".join([f"Production refuses {files.certificate}:", *found, HINT]))

    def _show(self, files: TlsFiles) -> None:
        try:
            certificate = read_certificate(files.certificate)
        except UnreadableCertificate as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"certificate  {files.certificate}")
        self.stdout.write(f"for          {', '.join(certificate.names)}")
        self.stdout.write(f"issued by    {certificate.leaf.issuer.rfc4514_string()}")
        self.stdout.write(f"expires      {certificate.expires:%Y-%m-%d %H:%M} UTC")
