"""Intents: what a governed operation, or a governed bulk run, waits for."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hosting.choices import IntentState, Reversibility, Risk
from hosting.models.bulk import BulkRun
from hosting.models.operation import Operation


class Intent(models.Model):
    """The confirmation of one operation or bulk run: how risky it is, the one-time token, and until when it lives.

    A row of its own and no fields of Operation: workers rewrite that row all the time, doors show it, and a bulk run
    needs exactly the same. The token itself is nowhere: only its SHA-256.
    """

    operation = models.OneToOneField(Operation, models.CASCADE, null=True, related_name="intent")
    bulk = models.OneToOneField(BulkRun, models.CASCADE, null=True, related_name="intent")
    state = models.CharField(_("state"), max_length=12, choices=IntentState.choices, default=IntentState.WAITING)
    risk = models.CharField(_("risk"), max_length=8, choices=Risk.choices)
    reversibility = models.CharField(_("reversibility"), max_length=20, choices=Reversibility.choices)
    #: Names of the subsystems that are touched (see hosting/governance.py).
    impacted = models.JSONField(default=list)
    #: Of the plan that was shown; "" until there is one. What was confirmed beforehand keeps "".
    digest = models.CharField(max_length=64, blank=True)
    token_sha256 = models.CharField(max_length=64, blank=True)
    token_issued_at = models.DateTimeField(null=True)
    #: Runs from the moment there is something to look at.
    expires_at = models.DateTimeField(_("expires"), null=True)
    closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("intent")
        verbose_name_plural = _("intents")
        constraints = (
            models.CheckConstraint(
                condition=Q(operation__isnull=False, bulk__isnull=True) | Q(operation__isnull=True, bulk__isnull=False),
                name="intent_of_one_thing",
            ),
        )
        indexes = (models.Index(fields=["state", "expires_at"]),)

    def __str__(self) -> str:
        return str(self.subject)

    @property
    def subject(self) -> Operation | BulkRun:
        """What waits for it."""
        subject = self.operation or self.bulk
        if subject is None:
            raise ValueError("an intent belongs to an operation or to a bulk run")
        return subject

    @property
    def actor(self) -> dict[str, Any]:
        """Who asked for it, and so who alone may confirm it."""
        return dict(self.subject.actor)

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be confirmed."""
        return self.state == IntentState.WAITING and (self.expires_at is None or self.expires_at > now)
