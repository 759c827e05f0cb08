"""``manage.py mail_check``: how well a domain's mail will be taken elsewhere."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.mail_advice import BAD, advice_on
from hosting.management.commands.mail_log import answered
from hosting.management.door import HostingCommand
from hosting.management.mail import mail_of_domain
from hosting.services.mail_lookups import check_mail

_SIGNS = {"good": "+", "warn": "~", "bad": "-", "info": "?"}


class Command(HostingCommand):
    """Check deliverability."""

    help = (
        "Look at a domain's mail as other servers do (MX, SPF, DKIM, DMARC, names, encryption); exit 2 if it is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which domain."""
        super().add_arguments(parser)
        parser.add_argument("domain")

    def act(self, options: dict[str, Any]) -> int:
        """Look, and give advice."""
        row = check_mail(actor=self.actor, mail=mail_of_domain(self, options["domain"]))
        advice = advice_on(answered(self, row)["findings"])
        lines = [f"{_SIGNS[one.tone]} {one.text}" + (f"\n    {one.advice}" if one.advice else "") for one in advice]
        self.show({"domain": options["domain"], "findings": [one.facts() for one in advice]}, "\n".join(lines))
        return 2 if any(one.tone == BAD for one in advice) else 0
