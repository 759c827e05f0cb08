"""Two weeks of an installation's life for the pictures: operations, refused sign-ins, drift that was repaired."""

import uuid
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.verbs import SIGN_IN_FAILED
from audit.choices import ActorType, Outcome
from audit.models import Event
from hosting.choices import DriftState, OperationKind, OperationState, Phase
from hosting.models import HostingService, Operation
from tests.web import rows

#: What happened on each of the last 14 days, the oldest first.
_ASKED = (4, 6, 3, 9, 7, 1, 2, 8, 11, 6, 9, 14, 5, 7)
_REFUSED = (1, 0, 2, 0, 0, 0, 1, 3, 0, 1, 9, 2, 0, 1)
_KINDS = (OperationKind.CHANGE_DNS, OperationKind.ADD_DATABASE, OperationKind.APPLY, OperationKind.ADD_DOMAIN)


def live(services: list[HostingService]) -> None:
    """Let the services have been made one after another, and two weeks pass."""
    now = timezone.now()
    for number, service in enumerate(services):
        made = now - timedelta(days=60 - number * 5, hours=number)
        HostingService.objects.filter(pk=service.pk).update(created_at=made)
    for back, (asked, refused) in enumerate(zip(reversed(_ASKED), reversed(_REFUSED), strict=True)):
        day = now - timedelta(days=back, hours=2)
        _operations(services, asked, day)
        _sign_ins(refused, day)
    for back in (12, 9, 4):
        seen = now - timedelta(days=back)
        rows.drift(
            services[1], state=DriftState.REPAIRED, open_key=None, first_seen_at=seen, last_seen_at=seen,
            closed_at=seen + timedelta(days=2), closed_by="admin@panel.test",
        )  # fmt: skip


def _operations(services: list[HostingService], many: int, day: datetime) -> None:
    made = []
    for number in range(many):
        service = services[(number * 5 + many) % 5]
        at = day - timedelta(minutes=61 * number)
        made.append(
            Operation(
                id=uuid.uuid4(), kind=_KINDS[(number + many) % len(_KINDS)], phase=Phase.DONE, node=service.node,
                state=OperationState.ROLLED_BACK if number == 8 else OperationState.SUCCEEDED, service=service,
                target_key=f"service:{service.pk}", target_label=service.username, actor_login="operator@example.test",
                trace_id=uuid.uuid4().hex, created_at=at, started_at=at + timedelta(milliseconds=120),
                finished_at=at + timedelta(milliseconds=520 + 97 * ((number * 7 + many) % 11)),
            )
        )  # fmt: skip
    Operation.objects.bulk_create(made)
    for operation in made:  # created_at is set by the field itself when a row is made
        Operation.objects.filter(pk=operation.pk).update(created_at=operation.started_at)


def _sign_ins(many: int, day: datetime) -> None:
    for number in range(many):
        Event.objects.create(
            occurred_at=day - timedelta(minutes=7 * number), actor_type=ActorType.ANONYMOUS, verb=SIGN_IN_FAILED.name,
            actor_ip="198.51.100.23", target_type="accounts.user", target_label="admin@panel.test",
            outcome=Outcome.DENIED,
        )  # fmt: skip
