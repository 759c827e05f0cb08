"""What observability keeps in the database."""

from observability.models.health import HealthPeriod

__all__ = ["HealthPeriod"]
