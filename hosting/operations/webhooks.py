"""Writes down who is to be told about the end of an operation or its confirmation, in the transaction of that."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import override

from hosting.choices import WebhookEvent
from hosting.models import BulkRun, HostingService, Intent, Operation, Webhook, WebhookDelivery
from hosting.troubles import spared


def tell(operation: Operation, before: str) -> None:
    """Put what happened into the outbox of every webhook that wants to know.

    Args:
        operation: that has just ended.
        before: the state its service was in until then, "" if it has none.
    """
    service = _service_of(operation)
    _put(service, list(_events(operation, service, before)))


def tell_intent(intent: Intent, event: WebhookEvent) -> None:
    """Put what became of a confirmation into the outbox; of a bulk run's the operators alone are told.

    Args:
        event: one of the four about intents.
    """
    operation, run = intent.operation, intent.bulk
    service = None if operation is None else _service_of(operation)
    about = {
        "operation": None if operation is None else _operation(operation, service),
        "bulk_run": None if run is None else _bulk_run(run),
    }
    _put(service, [(event, {"intent": _intent(intent), **about})])


def _service_of(operation: Operation) -> HostingService | None:
    found = HostingService.objects.select_related("customer")
    return None if operation.service_id is None else found.get(pk=operation.service_id)


def _put(service: HostingService | None, events: list[tuple[WebhookEvent, dict[str, Any]]]) -> None:
    now = timezone.now()
    hooks = list(_audience(service))
    deliveries = [
        WebhookDelivery(webhook=hook, event=event, payload=_payload(event, now, data), next_at=now)
        for event, data in events
        for hook in hooks
        if event in hook.events
    ]
    for delivery in deliveries:
        delivery.payload["id"] = str(delivery.pk)
        delivery.payload["data"] = _for_reader(delivery.webhook, delivery.payload["data"])
    WebhookDelivery.objects.bulk_create(deliveries)


def _audience(service: HostingService | None) -> QuerySet[Webhook]:
    """The operators' webhooks, and for a service those of its customer and of the customer's reseller."""
    wanted = Q(customer=None, reseller=None)
    if service is not None:
        wanted |= Q(customer=service.customer_id)
        if service.customer.reseller_id is not None:
            wanted |= Q(reseller=service.customer.reseller_id)
    return Webhook.objects.filter(wanted, is_active=True)


def _events(
    operation: Operation, service: HostingService | None, before: str
) -> Iterator[tuple[WebhookEvent, dict[str, Any]]]:
    yield WebhookEvent.OPERATION_FINISHED, {"operation": _operation(operation, service)}
    if service is not None and service.state != before:
        shown = {
            "id": service.pk,
            "username": service.username,
            "customer": service.customer_id,
            "state": service.state,
            "previous_state": before,
            "out_of_sync": service.out_of_sync,
        }
        yield WebhookEvent.SERVICE_STATE_CHANGED, {"service": shown, "operation": str(operation.pk)}


def _operation(operation: Operation, service: HostingService | None) -> dict[str, Any]:
    error = operation.error or {}
    return {
        "id": str(operation.pk),
        "kind": operation.kind,
        "state": operation.state,
        "target": operation.target_label,
        "service": operation.service_id,
        "customer": service.customer_id if service else None,
        "error": {name: error.get(name, "") for name in ("code", "detail", "hint")} if error else None,
        "trace_id": operation.trace_id,
        "created_at": operation.created_at.isoformat(),
        "finished_at": operation.finished_at.isoformat() if operation.finished_at else None,
    }


def _intent(intent: Intent) -> dict[str, Any]:
    """What is risked, and until when it can be confirmed; nothing of its token."""
    return {
        "risk": intent.risk,
        "reversibility": intent.reversibility,
        "impacted": intent.impacted,
        "digest": intent.digest,
        "expires_at": intent.expires_at.isoformat() if intent.expires_at else None,
    }


def _bulk_run(run: BulkRun) -> dict[str, Any]:
    return {"id": str(run.pk), "kind": run.kind, "state": run.state, "total": run.total, "trace_id": run.trace_id}


def _for_reader(hook: Webhook, data: dict[str, Any]) -> dict[str, Any]:
    """The server's own words about a failure go to operators' webhooks alone."""
    operation = data.get("operation")
    operators = hook.customer_id is None and hook.reseller_id is None
    if operators or not isinstance(operation, dict) or not operation.get("error"):
        return data
    with override(None):
        error = {name: fact for name, fact in spared(operation["error"]).items() if name != "permanent"}
    return {**data, "operation": {**operation, "error": error}}


def _payload(event: WebhookEvent, now: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": "", "event": event.value, "created_at": now.isoformat(), "data": data}
