"""``manage.py mailbox_change``: a mailbox's limits, copies, lock and answer, or its end."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.management.mail import mailbox_at
from hosting.models import Operation
from hosting.services.mailboxes import (
    change_mailbox,
    delete_mailbox,
    resume_mailbox,
    suspend_mailbox,
)


class Command(OperationCommand):
    """Change, lock, open or delete a mailbox."""

    help = "Change a mailbox's limits or who gets copies of its mail; or lock, open or delete it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and how it is to be."""
        super().add_arguments(parser)
        parser.add_argument("address", help="name@domain")
        parser.add_argument("--quota-mb", type=int, help="space in MiB, 0 for no limit")
        parser.add_argument("--sends-per-hour", type=int, help="recipients an hour, 0 for no limit")
        parser.add_argument("--forward-to", action="append", help="address that gets a copy; may be repeated")
        parser.add_argument("--no-keep", action="store_true", help="those get the mail instead of a copy")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--suspend", action="store_true", help="no sign-in, no sending, mail to it is refused")
        what.add_argument("--resume", action="store_true", help="open it again")
        what.add_argument("--delete", action="store_true", help="remove it; its mail is kept aside")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        common = {"actor": self.actor, "wait_for_approval": wait_for_approval, "reason": options["reason"]}
        box = mailbox_at(self, options["address"].lower())
        for name, function in (("suspend", suspend_mailbox), ("resume", resume_mailbox), ("delete", delete_mailbox)):
            if options[name]:
                return function(mailbox=box, **common)
        return change_mailbox(
            mailbox=box,
            quota_mb=options["quota_mb"],
            sends_per_hour=options["sends_per_hour"],
            forward_to=options["forward_to"],
            keep=False if options["no_keep"] else None,
            **common,
        )
