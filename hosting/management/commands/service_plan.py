"""``manage.py service_plan``: what would change."""

from typing import Any

from hosting.management.commands import service_apply


class Command(service_apply.Command):
    """Show what ``service_apply`` would change."""

    help = "Show the difference between a service's facts and its node. Changes nothing; exit 2 if there is one."

    def act(self, options: dict[str, Any]) -> int:
        """Plan only."""
        return super().act({**options, "yes": False, "plan_only": True})
