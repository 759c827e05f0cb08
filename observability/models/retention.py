"""Runs of retention: what went into the archive and what was deleted, and when."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    """How a run stands."""

    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    #: The process that ran it is gone; what it had begun was taken up by the next run.
    INTERRUPTED = "interrupted", _("Interrupted")


class RetentionRun(models.Model):
    """One run over one kind of record. Nothing depends on it but the schedule and the people who look back."""

    kind = models.CharField(_("kind"), max_length=40)
    state = models.CharField(_("state"), max_length=12, choices=RunState.choices, default=RunState.RUNNING)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    #: The archive at hand.
    at = models.CharField(max_length=300, blank=True)
    archived = models.PositiveIntegerField(_("archived"), default=0)
    lines = models.PositiveBigIntegerField(_("lines"), default=0)
    bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    deleted = models.PositiveIntegerField(_("deleted"), default=0)
    #: What was measured at its end (see observability.disk_use).
    use = models.JSONField(null=True)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("retention run")
        verbose_name_plural = _("retention runs")
        ordering = ("-started_at", "-id")
        indexes = (models.Index(fields=["kind", "started_at"], name="retention_kind_started"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M}"
