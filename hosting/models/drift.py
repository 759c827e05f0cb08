"""Differences between a node and what is wanted that no operation explains."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import DriftState
from hosting.models.node import Node
from hosting.models.operation import Operation
from hosting.models.service import HostingService


class DriftItem(models.Model):
    """One Resource that is not as wanted: the Change that would repair it, since when, and what became of it."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="drift", verbose_name=_("node"))
    service = models.ForeignKey(
        HostingService, models.SET_NULL, null=True, related_name="drift", verbose_name=_("service")
    )
    adapter = models.CharField(_("adapter"), max_length=32)
    kind = models.CharField(_("kind"), max_length=32)
    key = models.CharField(_("key"), max_length=300)
    #: "node:kind:key" while it is open, so that one difference is one row.
    open_key = models.CharField(max_length=400, null=True, unique=True)
    change = models.JSONField()
    diff = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=12, choices=DriftState.choices, default=DriftState.OPEN)
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=190, blank=True)

    class Meta:
        verbose_name = _("drift")
        verbose_name_plural = _("drift")
        ordering = ("-id",)
        indexes = (models.Index(fields=["node", "state"]), models.Index(fields=["state", "adapter"]))

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
