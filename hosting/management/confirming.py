"""What the commands share that prepare a governed operation on a service, and confirm it with ``--confirm TOKEN``."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import OperationKind, OperationState
from hosting.errors import HostingError
from hosting.management.door import OperationCommand, given_token
from hosting.models import HostingService, Operation
from hosting.texts import N_


class ConfirmedCommand(OperationCommand):
    """Without a token: prepare, show plan and token. With it: confirm the one that waits."""

    kind: OperationKind

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service, and the token."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("--confirm", default="", metavar="TOKEN", help="confirm what was prepared; - reads it")

    def act(self, options: dict[str, Any]) -> int:
        """Prepare or confirm."""
        if not options["confirm"]:
            return super().act(options)
        return self._confirm(self._waiting(self.service(options["username"])), given_token(options["confirm"]), options)

    def _waiting(self, service: HostingService) -> Operation:
        waiting = service.operations.filter(kind=self.kind, state=OperationState.PLANNED).order_by("-created_at")
        found = waiting.first()
        if found is None:
            raise HostingError(
                N_("Nothing of %(username)s waits to be confirmed.", username=service.username),
                code="intent_closed",
                hint=N_("Prepare it again: run the same command without --confirm."),
            )
        return found
