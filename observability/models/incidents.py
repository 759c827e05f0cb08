"""Incidents: what an alert became for the people who deal with it, and what they wrote down."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Severity(models.TextChoices):
    """How urgent it is; the values are those of the alert rules."""

    PAGE = "page", _("Page")
    CRITICAL = "critical", _("Critical")
    WARNING = "warning", _("Warning")


class IncidentState(models.TextChoices):
    """Where an incident is."""

    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")


class Incident(models.Model):
    """One alert from its beginning to its end. Everything in it is text: nodes and people may be gone by then."""

    fingerprint = models.CharField(_("fingerprint"), max_length=64, db_index=True, editable=False)
    #: The fingerprint while it is not resolved: of two deliveries that come at once, one makes the incident.
    open_key = models.CharField(max_length=64, unique=True, null=True, editable=False)
    alert = models.CharField(_("alert"), max_length=100)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity)
    state = models.CharField(_("state"), max_length=12, choices=IncidentState, default=IncidentState.OPEN)
    summary = models.CharField(_("summary"), max_length=300)
    description = models.TextField(_("description"), blank=True)
    node = models.CharField(_("node"), max_length=100, blank=True)
    labels = models.JSONField(_("labels"), default=dict)
    runbook = models.CharField(_("runbook page"), max_length=60, blank=True)
    runbook_heading = models.CharField(_("heading in it"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.CharField(_("acknowledged by"), max_length=254, blank=True)
    report = models.TextField(_("report"), blank=True)

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ("-pk",)
        indexes = (models.Index(fields=["state", "-started_at"], name="incident_state"),)

    def __str__(self) -> str:
        return self.summary or self.alert

    @property
    def is_resolved(self) -> bool:
        """Whether it is over."""
        return self.state == IncidentState.RESOLVED


class IncidentNote(models.Model):
    """What somebody did or saw, at the time."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="notes")
    at = models.DateTimeField(_("time"), default=timezone.now)
    author = models.CharField(_("who"), max_length=254)
    text = models.TextField(_("note"))

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return self.text[:60]
