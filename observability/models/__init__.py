"""What observability keeps in the database."""

from observability.models.health import HealthPeriod
from observability.models.retention import RetentionRun

__all__ = ["HealthPeriod", "RetentionRun"]
