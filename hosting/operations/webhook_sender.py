"""The worker's chores for webhooks: send what is due, try again later, give up, disable, forget."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from hosting.choices import DeliveryState
from hosting.errors import HostingError
from hosting.models import ApiIdempotencyKey, Webhook, WebhookDelivery
from hosting.operations.webhook_post import LONGEST, Answer, Letter, post
from hosting.sealing import unseal
from hosting.transactions import retried
from hosting.verbs import WEBHOOK_DISABLE
from observability.logging import get_logger
from observability.operations import register_operation

#: Seconds before the second try, the third…: eight tries over most of a day.
DELAYS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
#: A webhook that has only failed for so long is disabled.
PATIENCE = timedelta(days=5)
KEYS_LIVE = timedelta(hours=24)
_DELIVERIES_KEPT = timedelta(days=30)
_AT_ONCE, _BATCH = 4, 20
#: Longer than a whole batch takes, the last of it too: what a dead worker had claimed is tried again after it.
_LEASE = timedelta(seconds=2 * LONGEST * (_BATCH // _AT_ONCE + 1))

log = get_logger(register_operation("webhook_delivery"))


def send_due() -> int:
    """Send what is due, one delivery of each webhook at a time, a few webhooks at once.

    Returns:
        How many were tried.
    """
    claimed = [delivery for delivery in _due() if _claim(delivery)]
    if not claimed:
        return 0
    letters = [_letter(delivery) for delivery in claimed]
    with ThreadPoolExecutor(min(_AT_ONCE, len(letters))) as pool:
        answers = list(pool.map(_post, letters))  # threads do network only; the rows are written here
    for delivery, answer in zip(claimed, answers, strict=True):
        _settle(delivery, answer)
    return len(claimed)


def forget_old() -> None:
    """Remove keys of idempotent requests after a day, and deliveries that ended a month ago."""
    now = timezone.now()
    ApiIdempotencyKey.objects.filter(created_at__lt=now - KEYS_LIVE).delete()
    ended = WebhookDelivery.objects.exclude(state=DeliveryState.PENDING)
    ended.filter(created_at__lt=now - _DELIVERIES_KEPT).delete()


def _due() -> Iterable[WebhookDelivery]:
    """The oldest due delivery of each webhook."""
    waiting: QuerySet[WebhookDelivery] = WebhookDelivery.objects.select_related("webhook").filter(
        state=DeliveryState.PENDING, next_at__lte=timezone.now(), webhook__is_active=True
    )
    oldest = waiting.filter(webhook=OuterRef("pk")).order_by("next_at", "pk").values("pk")[:1]
    hooks = Webhook.objects.filter(is_active=True).annotate(first=Subquery(oldest)).exclude(first=None)
    return waiting.filter(pk__in=list(hooks.values_list("first", flat=True))).order_by("next_at")[:_BATCH]


def _claim(delivery: WebhookDelivery) -> bool:
    """Whether this worker has it: by a guarded update, so that no other one sends it as well."""
    same = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.PENDING, next_at=delivery.next_at, attempts=delivery.attempts
    )
    return bool(same.update(next_at=timezone.now() + _LEASE, attempts=F("attempts") + 1))


def _letter(delivery: WebhookDelivery) -> Letter | Answer:
    hook = delivery.webhook
    try:
        secret = unseal(hook.secret_sealed, hook.seal_context)
    except HostingError as error:
        return Answer(None, error.detail)
    return Letter(hook.url, secret, delivery.payload, delivery.event, str(delivery.pk))


def _post(letter: Letter | Answer) -> Answer:
    return letter if isinstance(letter, Answer) else post(letter)


@retried
def _settle(delivery: WebhookDelivery, answer: Answer) -> None:
    """Write down what came of an attempt."""
    now, attempts = timezone.now(), delivery.attempts + 1
    delivery.response_status, delivery.response_text = answer.status, answer.text
    if answer.accepted:
        delivery.state, delivery.finished_at = DeliveryState.DELIVERED, now
    elif attempts > len(DELAYS):
        delivery.state, delivery.finished_at = DeliveryState.GIVEN_UP, now
    else:
        delivery.next_at = now + timedelta(seconds=DELAYS[attempts - 1])
    delivery.save(update_fields=["state", "finished_at", "next_at", "response_status", "response_text"])
    delivery.attempts = attempts
    _judge(delivery.webhook, answer)
    log.info(
        "webhook answered" if answer.accepted else "webhook did not take it",
        status="success" if answer.accepted else "retrying",
        webhook_id=str(delivery.webhook_id),
        attempts=attempts,
        http_status=answer.status,
    )


def _judge(hook: Webhook, answer: Answer) -> None:
    """Note since when a webhook fails; one that has for days is disabled."""
    now, hooks = timezone.now(), Webhook.objects.filter(pk=hook.pk)
    if answer.accepted:
        hooks.exclude(failing_since=None).update(failing_since=None)
        return
    hooks.filter(failing_since=None).update(failing_since=now)
    reason = f"It has failed for {PATIENCE.days} days: {answer.text}"[:200]
    if hooks.filter(is_active=True, failing_since__lt=now - PATIENCE).update(is_active=False, disabled_reason=reason):
        record(
            verb=WEBHOOK_DISABLE,
            actor=Actor.system("worker"),
            target=hook,
            outcome=Outcome.SUCCEEDED,
            reason=reason,
        )
