"""``manage.py panel_nginx``: the file of the nginx in front of the panel, on standard output."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from npanel.front import BadVariable, changed, from_settings, prepare_folders, render


class Command(BaseCommand):
    """Render the file."""

    help = (
        "Print the file of the nginx in front of the panel, for this installation's settings. Variables are changed by "
        "name=value (docs/how-to/production.md lists them); --folders makes the folder that the file needs."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Other values."""
        parser.add_argument("variables", nargs="*", metavar="name=value", help="for instance admin_https=8443")
        parser.add_argument("--folders", action="store_true", help="make the folder of its pid and temporary files")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        try:
            front = changed(from_settings(), options["variables"])
            text = render(front)
        except BadVariable as error:
            raise CommandError(f"{error}.") from error
        if options["folders"]:
            prepare_folders(front)
        self.stdout.write(text)
