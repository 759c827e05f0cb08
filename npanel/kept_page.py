"""What the page "What is kept" shows: each kind's periods, its last run, and the disk it was measured to use."""

from typing import Any

from observability.models import RetentionRun
from observability.retained import Kind, kinds

_RUNS_SHOWN = 20


def kept_page() -> dict[str, Any]:
    """The page's context; everything on it was measured by a run, nothing is counted for the page."""
    runs = list(RetentionRun.objects.all()[:_RUNS_SHOWN])
    return {"kinds": [_kind(kind) for kind in kinds()], "runs": [(_label(run), run) for run in runs]}


def _kind(kind: Kind) -> dict[str, Any]:
    measured = RetentionRun.objects.filter(kind=kind.name, use__isnull=False).first()
    return {
        "label": kind.label,
        "periods": kind.periods,
        "use": measured.use if measured else None,
        "measured_at": measured.finished_at if measured else None,
    }


def _label(run: RetentionRun) -> Any:
    return next((kind.label for kind in kinds() if kind.name == run.kind), run.kind)
