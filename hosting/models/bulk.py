"""Bulk runs: one wish for many services, one operation for each of them, one honest result."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import BulkItemState, BulkState, OperationKind
from hosting.models.operation import Operation
from hosting.models.service import HostingService


class BulkRun(models.Model):
    """What was wished for many services at once. The row is the outbox: the worker makes the operations in slices."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=32, choices=OperationKind.choices)
    state = models.CharField(_("state"), max_length=12, choices=BulkState.choices, default=BulkState.RUNNING)
    #: Further arguments of the service function, e.g. {"php_version": "8.4"}.
    options = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    total = models.PositiveIntegerField(_("services"), default=0)
    #: What has not started is being cancelled; the worker does that in slices as well.
    stopping = models.BooleanField(default=False)

    actor = models.JSONField(default=dict)
    actor_login = models.CharField(_("asked by"), max_length=190, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    trace_id = models.CharField(_("trace"), max_length=32)
    correlation_id = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("bulk run")
        verbose_name_plural = _("bulk runs")
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["state", "created_at"]),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} × {self.total}"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it, unless somebody tries its failed rows again."""
        return self.state not in (BulkState.WAITING, BulkState.RUNNING)


class BulkItem(models.Model):
    """One service of a bulk run: its operation, or why there is none."""

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="items")
    service = models.ForeignKey(HostingService, models.SET_NULL, null=True, related_name="bulk_items")
    label = models.CharField(_("service"), max_length=190)
    state = models.CharField(_("state"), max_length=12, choices=BulkItemState.choices, default=BulkItemState.WAITING)
    operation = models.OneToOneField(Operation, models.SET_NULL, null=True, related_name="bulk_item")
    error = models.JSONField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("bulk item")
        verbose_name_plural = _("bulk items")
        ordering = ("run", "id")
        constraints = (models.UniqueConstraint(fields=["run", "service"], name="bulk_service_once"),)
        indexes = (models.Index(fields=["run", "state"]),)

    def __str__(self) -> str:
        return self.label
