"""What observability keeps in the database."""

from observability.models.retention import RetentionRun

__all__ = ["RetentionRun"]
