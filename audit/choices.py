"""The fixed values of an audit event's fields."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ActorType(models.TextChoices):
    """What kind of being acted."""

    USER = "user", _("User")
    TOKEN = "token", _("API token")
    SYSTEM = "system", _("System")
    ANONYMOUS = "anonymous", _("Anonymous")


class Outcome(models.TextChoices):
    """How it ended, or that it has only been asked for; the label of ``npanel_audit_events_total``."""

    REQUESTED = "requested", _("Requested")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    ROLLED_BACK = "rolled_back", _("Rolled back")
    DENIED = "denied", _("Denied")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


OUTCOME_COLOURS = {
    Outcome.REQUESTED: "blue",
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.ROLLED_BACK: "orange",
    Outcome.DENIED: "red",
    Outcome.CANCELLED: "grey",
    Outcome.EXPIRED: "grey",
}
