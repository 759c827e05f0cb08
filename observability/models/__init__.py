"""What observability keeps in the database."""

from observability.models.incidents import Incident, IncidentNote

__all__ = ["Incident", "IncidentNote"]
