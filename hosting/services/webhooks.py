"""Webhooks: who is told what, where, and signed with which secret."""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from accounts.belongings import keep
from accounts.models import Customer, Reseller
from audit.actor import Actor
from audit.choices import Outcome
from audit.models import Event
from audit.reading import about
from audit.record import Target, record
from hosting.choices import DeliveryState, WebhookEvent
from hosting.errors import HostingError
from hosting.models import Webhook, WebhookDelivery
from hosting.operations.webhook_post import check_url
from hosting.sealing import seal
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import WEBHOOK_CHANGE, WEBHOOK_CREATE, WEBHOOK_DELETE, WEBHOOK_RESEND, WEBHOOK_SECRET

#: Webhooks that one customer, one reseller, or the operators may have.
MOST = 20
#: Deliveries of one webhook that are sent once more by hand, in an hour.
MOST_RESENT = 60


@retried
def create_webhook(
    *,
    actor: Actor,
    url: str,
    events: Iterable[str],
    customer: Customer | None = None,
    reseller: Reseller | None = None,
) -> tuple[Webhook, str]:
    """Have an address told about what happens: to a customer, to a reseller's customers, or (owned by none) to all.

    Returns:
        The webhook, and the secret that signs what it is told: sealed to the worker, so shown now or never.

    Raises:
        HostingError: ``bad_address``, ``invalid`` (an event that does not exist), ``limit_reached``, ``sealing_error``.
    """
    _lock_owner(customer, reseller)
    if Webhook.objects.filter(customer=customer, reseller=reseller).count() >= MOST:
        raise HostingError(
            N_("There are %(most)s webhooks already.", most=MOST),
            code="limit_reached",
            hint=N_("Delete one that is not used any more."),
        )
    hook = Webhook(customer=customer, reseller=reseller, url=_checked_url(url), events=_checked_events(events))
    secret = _give_secret(hook)
    save_valid(hook)
    record(verb=WEBHOOK_CREATE, actor=actor, target=hook, outcome=Outcome.SUCCEEDED, after=_shown(hook))
    return hook, secret


@retried
def change_webhook(
    *,
    actor: Actor,
    webhook: Webhook,
    url: str | None = None,
    events: Iterable[str] | None = None,
    is_active: bool | None = None,
) -> Webhook:
    """Change a webhook; what is None stays. Activating one that was disabled gives it a fresh start.

    Raises:
        HostingError: as :func:`create_webhook`; ``not_found``.
    """
    row = reread(webhook, lock=True)
    before = _shown(row)
    if url is not None:
        row.url = _checked_url(url)
    if events is not None:
        row.events = _checked_events(events)
    if is_active is not None:
        row.is_active = is_active
    if is_active:
        row.failing_since, row.disabled_reason = None, ""
    save_valid(row)
    record(verb=WEBHOOK_CHANGE, actor=actor, target=row, outcome=Outcome.SUCCEEDED, before=before, after=_shown(row))
    return row


@retried
def renew_webhook_secret(*, actor: Actor, webhook: Webhook) -> tuple[Webhook, str]:
    """Sign with another secret from now on.

    Returns:
        The webhook, and the secret, shown once.

    Raises:
        HostingError: ``not_found``, ``sealing_error``.
    """
    row = reread(webhook, lock=True)
    secret = _give_secret(row)
    save_valid(row)
    record(verb=WEBHOOK_SECRET, actor=actor, target=row, outcome=Outcome.SUCCEEDED)
    return row, secret


@retried
def delete_webhook(*, actor: Actor, webhook: Webhook) -> None:
    """Tell an address nothing any more, also not what still waits.

    Raises:
        HostingError: ``not_found``.
    """
    row = reread(webhook, lock=True)
    target, before = Target.of(row), _shown(row)
    if row.customer_id is not None:
        keep(row.customer_id, target.type, [target.id])
    row.delete()
    record(verb=WEBHOOK_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED, before=before)


@retried
def resend_delivery(*, actor: Actor, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send a delivery once more, whatever became of it, with all its tries.

    Raises:
        HostingError: ``wrong_state`` (the webhook is not active), ``not_found``, ``limit_reached``.
    """
    Webhook.objects.select_for_update().filter(pk=delivery.webhook_id).first()  # those at once are counted one by one
    row = reread(delivery, lock=True)
    if not row.webhook.is_active:
        raise HostingError(N_("The webhook is not active."), code="wrong_state", hint=N_("Activate it first."))
    _check_resent(row.webhook)
    row.state, row.attempts, row.next_at, row.finished_at = DeliveryState.PENDING, 0, timezone.now(), None
    row.save(update_fields=["state", "attempts", "next_at", "finished_at"])
    after = {"delivery": str(row.pk), "event": row.event}
    record(verb=WEBHOOK_RESEND, actor=actor, target=row.webhook, outcome=Outcome.SUCCEEDED, after=after)
    return row


def _check_resent(hook: Webhook) -> None:
    target, since = Target.of(hook), timezone.now() - timedelta(hours=1)
    sent = Event.objects.filter(about([target.id], target.type), verb=WEBHOOK_RESEND.name)
    if sent.filter(occurred_at__gt=since).count() >= MOST_RESENT:
        raise HostingError(
            N_("%(most)s deliveries were sent again within an hour.", most=MOST_RESENT),
            code="limit_reached",
            hint=N_("Try again later; what fails is sent again by itself."),
        )


def _lock_owner(customer: Customer | None, reseller: Reseller | None) -> None:
    """Hold the owner's row, so that two at once don't both take the last place. Those of the operators have none."""
    for owner in (customer, reseller):
        if owner is not None:
            type(owner)._default_manager.select_for_update().filter(pk=owner.pk).first()


def _give_secret(hook: Webhook) -> str:
    secret = f"whsec_{secrets.token_urlsafe(32)}"
    hook.secret_sealed = seal(secret, hook.seal_context)
    return secret


def _checked_url(url: str) -> str:
    check_url(url.strip())
    return url.strip()


def _checked_events(events: Iterable[str]) -> list[str]:
    wanted = sorted(set(events))
    unknown = [name for name in wanted if name not in WebhookEvent.values]
    if unknown or not wanted:
        raise HostingError(
            N_("There is no event %(unknown)s.", unknown=unknown[0][:60]) if unknown else N_("No event was chosen."),
            code="invalid",
            hint=N_("There are: %(values)s.", values=", ".join(WebhookEvent.values)),
            field="events",
        )
    return wanted


def _shown(hook: Webhook) -> dict[str, object]:
    owner = {"customer": str(hook.customer or ""), "reseller": str(hook.reseller or "")}
    return {**owner, "url": hook.url, "events": hook.events, "active": hook.is_active}
