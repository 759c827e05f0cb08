"""``manage.py mail_alias``: an address whose mail goes to others."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.management.mail import mail_of_domain
from hosting.models import MailAlias, Operation
from hosting.services.mail_aliases import change_alias, create_alias, delete_alias


class Command(OperationCommand):
    """Add, change or delete a mail alias."""

    help = "Have mail to an address go to others, here or elsewhere; without targets the alias is deleted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("address", help="name@domain")
        parser.add_argument("targets", nargs="*", help="addresses that its mail goes to; none deletes it")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        common = {"actor": self.actor, "wait_for_approval": wait_for_approval, "reason": options["reason"]}
        name, _at, domain = options["address"].lower().rpartition("@")
        mail = mail_of_domain(self, domain)
        if not options["targets"]:
            return delete_alias(alias=self.find(MailAlias, "mail_alias", mail=mail, local_part=name), **common)
        alias = MailAlias.objects.filter(mail=mail, local_part=name).first()
        if alias is not None:
            return change_alias(alias=alias, targets=options["targets"], **common)
        return create_alias(mail=mail, local_part=name, targets=options["targets"], **common)
