"""What observability keeps in the database."""

from observability.models.health import HealthPeriod
from observability.models.incidents import Incident, IncidentNote
from observability.models.retention import RetentionRun
from observability.models.samples import Sample

__all__ = ["HealthPeriod", "Incident", "IncidentNote", "RetentionRun", "Sample"]
