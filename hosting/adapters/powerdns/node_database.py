"""Runs on the node before PowerDNS starts: makes its SQLite database from the package's schema if it is not there."""

import contextlib
import os
import sqlite3
import sys
from pathlib import Path


def main(database: Path, schema: Path) -> None:
    """Make the database aside and rename it, so that a power cut leaves none rather than half a one."""
    if database.exists():
        return
    draft = database.with_name(f"{database.name}.draft")
    draft.unlink(missing_ok=True)
    os.umask(0o077)
    with contextlib.closing(sqlite3.connect(draft)) as connection:
        connection.executescript(schema.read_text(encoding="utf-8"))
    _sync(draft)
    draft.rename(database)
    _sync(database.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
