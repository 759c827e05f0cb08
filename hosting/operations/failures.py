"""Errors that the runner itself ends operations with, and what to do then."""

from hosting.errors import HostingError
from hosting.models import Operation
from hosting.texts import N_, Text


def bug(error: Exception) -> HostingError:
    """An exception that nobody foresaw."""
    return HostingError(
        N_("NPanel itself failed (%(name)s).", name=type(error).__name__),
        code="internal_error",
        hint=N_("Nothing is lost. Report it with the trace id; the worker's log has the details."),
        permanent=False,
    )


def stale() -> HostingError:
    """The plan is not the one that was approved."""
    return HostingError(
        N_("The node changed since this plan was approved."),
        code="stale_plan",
        hint=N_("This is the new plan. Look at it and approve it again."),
        permanent=False,
    )


def both(operation: Operation, first: HostingError, second: HostingError) -> HostingError:
    """Neither done nor taken back."""
    return HostingError(
        N_("%(first)s Taking it back failed too: %(second)s", first=first.detail_text, second=second.detail_text),
        code="rollback_failed",
        hint=_next_command(operation),
        permanent=False,
    )


def unreachable(operation: Operation, error: HostingError) -> HostingError:
    """The node went away in the middle."""
    unsure = ", ".join(f"{entry.kind}:{entry.key}" for entry in operation.journal.all()[:8])
    return HostingError(
        N_("%(detail)s The node may or may not have: %(unsure)s.", detail=error.detail_text, unsure=unsure),
        code=error.code,
        hint=_next_command(operation),
        permanent=False,
    )


def _next_command(operation: Operation) -> Text:
    if operation.service is not None:
        command = f"manage.py service_plan {operation.service.username}"
    else:
        command = f"manage.py node_bootstrap {operation.target_label}"
    return N_("When the node answers again, run: %(command)s", command=command)
