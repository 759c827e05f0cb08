"""Legal holds on the audit log: on everything, on a target, or on a customer and all that is theirs."""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction

from accounts.models import ApiToken, Customer
from audit import holds
from audit.actor import Actor
from audit.models import Event, LegalHold
from hosting.choices import OperationKind
from hosting.errors import HostingError
from hosting.models import BulkItem, HostingService, Operation, Webhook
from hosting.texts import N_
from hosting.verbs import OPERATION_VERBS

Targets = Iterator[tuple[str, str]]


def place_hold(
    *, actor: Actor, reason: str, target: str = "", since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
) -> LegalHold:  # fmt: skip
    """Keep all events of a time, or those of one target.

    Args:
        target: ``type:id`` as events name it; empty for everything.

    Raises:
        HostingError: ``reason_missing``, ``invalid``.
    """
    _require(reason)
    kind, colon, identity = target.strip().partition(":")
    if target.strip() and not (colon and kind and identity):
        raise HostingError(
            N_("%(target)s is no target.", target=target), code="invalid", field="target",
            hint=N_("Write it as events have it, a type and a number: service:42."),
        )  # fmt: skip
    _require_time(since, until)
    return holds.place(
        actor=actor, reason=reason, target_type=kind, target_id=identity, since=since, until=until, label=target.strip()
    )


@transaction.atomic
def hold_customer(
    *, actor: Actor, name: str, reason: str, since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
) -> list[LegalHold]:  # fmt: skip
    """Keep all events of the customers of a name, also deleted ones, and of all that was and will be theirs.

    One hold for each customer: a name can be used again, and each reseller has its own.

    Raises:
        HostingError: ``reason_missing``, ``invalid``, ``not_found`` (neither the database nor the audit log knows it).
    """
    _require(reason)
    _require_time(since, until)
    ids = sorted(_customers(name.strip()), key=int)
    if not ids:
        raise HostingError(
            N_("There is no customer %(name)s, and there was none.", name=name), code="not_found", field="customer",
            hint=N_("Names are compared whole. Who left the database with their events is found by log_search."),
        )  # fmt: skip
    made = []
    for identity in ids:
        hold = holds.place(
            actor=actor, reason=reason, target_type="accounts.customer", target_id=identity, label=name.strip(),
            is_whole=True, since=since, until=until,
        )  # fmt: skip
        holds.extend(actor=actor, hold=hold, targets=_theirs(hold))
        made.append(hold)
    return made


def extend_holds(*, actor: Actor) -> int:
    """Hold what held customers got since the last look; return how many things that were."""
    whole = LegalHold.objects.filter(is_whole=True, released_at=None)
    return sum(holds.extend(actor=actor, hold=hold, targets=_theirs(hold)) for hold in whole)


def release_hold(*, actor: Actor, hold: LegalHold, reason: str) -> LegalHold:
    """Let retention have its way again.

    Raises:
        HostingError: ``reason_missing``, ``released``.
    """
    _require(reason)
    if hold.part_of is not None or not LegalHold.objects.filter(pk=hold.pk, released_at=None).exists():
        raise HostingError(
            N_("This hold was released before, or is a part of another."), code="released",
            hint=N_("Look at the list of holds again."),
        )  # fmt: skip
    holds.release(actor=actor, hold=hold, reason=reason)
    return LegalHold.objects.get(pk=hold.pk)


def _customers(name: str) -> set[str]:
    """The ids of the customers that are or were called so."""
    there = {str(pk) for pk in Customer.objects.filter(name=name).values_list("pk", flat=True)}
    told = Event.objects.filter(target_label=name, target_type="accounts.customer").values_list("target_id", flat=True)
    return there | {identity for identity in told if identity.isdecimal()}


def _theirs(hold: LegalHold) -> Targets:
    """The targets of events about what belongs to a customer, as hosting and the audit log know them.

    Zones, databases, mailboxes and files need no mention: their events are about their service.
    """
    customer = int(hold.target_id)
    services = set(HostingService.objects.filter(customer=customer).values_list("pk", flat=True))
    keys = {f"service:{pk}" for pk in services} | set(_services_that_were(hold.target_label))
    for key in keys:
        identity = key.partition(":")[2]
        yield from (("service", identity), ("hosting.hostingservice", identity))
    yield from _named("hosting.webhook", Webhook.objects.filter(customer=customer).values_list("pk", flat=True))
    people = (
        Customer.objects.filter(pk=hold.target_id).exclude(memberships=None).values_list("memberships__user", flat=True)
    )
    yield from _named("accounts.user", people)
    yield from _named("accounts.apitoken", ApiToken.objects.filter(user__in=list(people)).values_list("pk", flat=True))
    runs = BulkItem.objects.filter(service__in=services).values_list("run", flat=True).distinct()
    yield from _named("bulk_run", runs)


def _services_that_were(name: str) -> Iterator[str]:
    """The services of a customer of this name whose rows may be gone: operations and the event of their making say."""
    yield from (
        Operation.objects.filter(customer_name=name, target_key__startswith="service:")
        .values_list("target_key", flat=True)
        .distinct()
    )
    made = Event.objects.filter(verb=OPERATION_VERBS[OperationKind.CREATE].name, after__customer=name)
    for identity in made.values_list("target_id", flat=True).distinct():
        yield f"service:{identity}"


def _named(kind: str, ids: Iterable[Any]) -> Targets:
    return ((kind, str(one)) for one in ids)


def _require(reason: str) -> None:
    if not reason.strip():
        raise HostingError(
            N_("A legal hold needs a reason."), code="reason_missing", field="reason",
            hint=N_("Say why: it is kept in the audit log."),
        )  # fmt: skip


def _require_time(since: datetime.datetime | None, until: datetime.datetime | None) -> None:
    if since and until and until <= since:
        raise HostingError(
            N_("The time of the hold ends before it begins."), code="invalid", field="until",
            hint=N_("Leave the end empty for what is still to come."),
        )  # fmt: skip
