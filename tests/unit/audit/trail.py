"""What tests of the trail share: an intruder who can do anything to the database, and keys of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from audit.keys import ensure_audit_key
from audit.segments import steps
from audit.triggers import drop_triggers, install_triggers
from observability.retained import Step


@contextmanager
def intruder() -> Iterator[Any]:
    """A cursor while no trigger is there; they are back afterwards, as somebody who covers traces would have it."""
    drop_triggers("default")
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        install_triggers("default")


def own_keys(settings: Any, folder: Path) -> None:
    """A signing key, a second store and a lock below ``folder``."""
    settings.VAR_DIR = folder
    settings.NPANEL_AUDIT_PRIVATE_KEYS = folder / "audit.key"
    settings.NPANEL_AUDIT_PUBLIC_KEYS = folder / "audit.pub"
    settings.NPANEL_AUDIT_CHECKPOINT_DIR = folder / "store"
    settings.NPANEL_AUDIT_SYSLOG = ""
    ensure_audit_key()


def retain(**options: Any) -> list[Step]:
    """What retention did, or would do."""
    return list(steps(**options))
