"""``manage.py site_upload``: put a file into a site."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.models import Domain
from hosting.services.files import upload_file


class Command(HostingCommand):
    """Put a file into a site, as the customer."""

    help = "Write a file below a domain's document root, as the service's own Linux user."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which site, which file."""
        super().add_arguments(parser)
        parser.add_argument("domain")
        parser.add_argument("path", help="below the document root, e.g. index.php")
        parser.add_argument("source", help="local file, or - for standard input")

    def act(self, options: dict[str, Any]) -> int:
        """Read it, write it."""
        domain = self.find(Domain, "service_create", name_key=options["domain"])
        source = options["source"]
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        upload_file(actor=self.actor, domain=domain, path=options["path"], data=data)
        self.show({"path": options["path"], "bytes": len(data)}, f"{options['path']} is in place ({len(data)} bytes).")
        return 0
