"""Webhooks: addresses that are told what happened, and each telling."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Customer, Reseller
from hosting.choices import DeliveryState


class Webhook(models.Model):
    """An address that is told what happens to a customer, to a reseller's customers, or (owned by none) to all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="webhooks", verbose_name=_("customer")
    )
    reseller = models.ForeignKey(
        Reseller, models.CASCADE, null=True, blank=True, related_name="webhooks", verbose_name=_("reseller")
    )
    url = models.CharField(_("address"), max_length=500)
    events = models.JSONField(_("events"), default=list)
    #: The signing secret, sealed: the worker alone can open it.
    secret_sealed = models.TextField(editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    disabled_reason = models.CharField(_("disabled because"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["created_at"]),)

    def __str__(self) -> str:
        return self.url

    @property
    def seal_context(self) -> str:
        """What the sealed secret is bound to."""
        return f"webhook:{self.pk}:secret"


class WebhookDelivery(models.Model):
    """One event for one webhook: written with what happened, sent by the worker, tried again for about a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", verbose_name=_("webhook"))
    event = models.CharField(_("event"), max_length=64)
    payload = models.JSONField(_("payload"))
    state = models.CharField(_("state"), max_length=12, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"))
    response_status = models.PositiveSmallIntegerField(_("answer"), null=True)
    response_text = models.CharField(_("beginning of the answer, or what went wrong"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["state", "next_at"]),
            models.Index(fields=["webhook", "created_at"]),
            models.Index(fields=["created_at"]),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"
