"""All that NPanel has written down in a test: every column of every table, files, lines and what was answered."""

import base64
import json
import pickle
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection


def rows() -> Iterator[tuple[str, str]]:
    """Each column of each table as (table.column, text); what the queue has pickled is opened."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - our own tables
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                yield from ((f"{table}.{name}", _text(value)) for name, value in zip(names, row, strict=True))


def files(*folders: Path) -> Iterator[tuple[str, str]]:
    """Each file below the folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path.name, path.read_bytes().decode("utf-8", "replace")


def leaks(secrets: Iterable[str], *places: Iterable[tuple[str, str]]) -> set[str]:
    """Where one of the secrets stands, as ``place: secret``."""
    wanted = list(secrets)
    return {f"{name}: {secret}" for place in places for name, text in place for secret in wanted if secret in text}


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    text = str(value)
    # As it is, as its JSON says it, and as the queue packs it.
    return "\n".join([text, _from_json(text), *_unpacked(text)])


def _from_json(text: str) -> str:
    try:
        return str(json.loads(text)) if text[:1] in "{[" else ""
    except ValueError:
        return ""


def _unpacked(text: str) -> Iterator[str]:
    for unpack in (lambda raw: raw, zlib.decompress):
        raw = text.encode("utf-8", "replace")
        try:
            yield str(pickle.loads(unpack(base64.b64decode(raw, validate=True))))  # noqa: S301 - our own database
        except Exception:  # noqa: BLE001, S112 - most columns are no packed values
            continue
