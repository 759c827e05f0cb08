"""``manage.py plan_create``: a hosting plan."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import SshMode
from hosting.management.door import HostingCommand
from hosting.models import HostingPlan
from hosting.services.plans import LIMITS, create_plan


class Command(HostingCommand):
    """Add a hosting plan."""

    help = "Add a hosting plan; limits that are not given are the defaults, -1 is unlimited."

    def add_arguments(self, parser: CommandParser) -> None:
        """The name, and a flag for each limit."""
        super().add_arguments(parser)
        parser.add_argument("name")
        for limit in LIMITS:
            parser.add_argument(f"--{limit.replace('_', '-')}", type=int, default=None)
        parser.add_argument("--ssh", choices=SshMode.values, default=SshMode.SFTP, help="access at most (default sftp)")

    def act(self, options: dict[str, Any]) -> int:
        """Add it, or say that it is there."""
        plan = HostingPlan.objects.filter(name=options["name"], reseller=None).first()
        if plan is None:
            given = {name: options[name] for name in LIMITS if options[name] is not None}
            limits: dict[str, Any] = {name: None if value == -1 else value for name, value in given.items()}
            plan = create_plan(actor=self.actor, name=options["name"], ssh=options["ssh"], **limits)
        self.show({"plan": plan.name}, f"Plan {plan.name} is there.")
        return 0
