"""The history of health: for how long a check gave the same answer."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from observability.health.base import Status


class HealthPeriod(models.Model):
    """A time during which one check of one target gave one status, with what it said last."""

    STATUSES = ((Status.UP.value, _("up")), (Status.DEGRADED.value, _("degraded")), (Status.DOWN.value, _("down")))

    check_name = models.CharField(_("check"), max_length=50)
    node = models.CharField(_("node"), max_length=100, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=STATUSES)
    summary = models.CharField(_("what it says"), max_length=300, blank=True)
    advice = models.CharField(_("what to do"), max_length=300, blank=True)
    duration_ms = models.FloatField(_("took"), default=0.0)
    began_at = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("last seen"))
    #: ``check|node`` while this is what the check says now: of two workers that see a change, one writes it.
    open_key = models.CharField(max_length=160, unique=True, null=True, editable=False)

    class Meta:
        verbose_name = _("health period")
        verbose_name_plural = _("health periods")
        ordering = ("-began_at",)
        indexes = (models.Index(fields=["seen_at"], name="health_seen"),)

    def __str__(self) -> str:
        return f"{self.check_name} {self.node} {self.status}".replace("  ", " ")
