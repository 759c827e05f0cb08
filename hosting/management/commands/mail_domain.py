"""``manage.py mail_domain``: mail of a domain, on or off."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.management.mail import mail_of_domain
from hosting.models import Domain, Operation
from hosting.services.mail import change_mail, disable_mail, enable_mail, rotate_dkim


class Command(OperationCommand):
    """Turn mail on or off for a domain, or change it."""

    help = "Turn mail on (the default) or off for a domain, set where unknown addresses go, or rotate its DKIM key."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("domain")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--off", action="store_true", help="turn mail off; mailboxes go, their mail is kept aside")
        what.add_argument("--catch-all", help="address that mail to unknown addresses goes to; empty refuses it")
        what.add_argument("--remote", choices=("yes", "no"), help="whether another server takes the domain's mail")
        what.add_argument("--rotate-dkim", action="store_true", help="sign with a new key")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        common = {"actor": self.actor, "wait_for_approval": wait_for_approval, "reason": options["reason"]}
        name = options["domain"].lower()
        if options["off"]:
            return disable_mail(mail=mail_of_domain(self, name), **common)
        if options["rotate_dkim"]:
            return rotate_dkim(mail=mail_of_domain(self, name), **common)
        if options["catch_all"] is not None:
            return change_mail(mail=mail_of_domain(self, name), catch_all=options["catch_all"], **common)
        if options["remote"]:
            return change_mail(mail=mail_of_domain(self, name), remote=options["remote"] == "yes", **common)
        return enable_mail(domain=self.find(Domain, "service_create", name_key=name), **common)
