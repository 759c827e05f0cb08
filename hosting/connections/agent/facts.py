"""What a directory's entry is: kind, owner, mode, size, times."""

from __future__ import annotations

import os
import stat
from typing import Any

from .fields import Fields
from .identity import group_name, owner_name
from .paths import directory_at, parent_of


def describe(facts: os.stat_result) -> dict[str, Any]:
    """Facts of a path in the form of a reply."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    return {
        "exists": True,
        "mode": stat.S_IMODE(facts.st_mode),
        "owner": owner_name(facts.st_uid),
        "group": group_name(facts.st_gid),
        "type": kinds.get(stat.S_IFMT(facts.st_mode), "other"),
        "size": facts.st_size,
        "mtime": facts.st_mtime,
        "links": facts.st_nlink,
    }


def facts_at(directory: int, name: str) -> os.stat_result | None:
    """Facts of an entry itself, or None when it is missing."""
    try:
        return os.stat(name or ".", dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def stat_path(fields: Fields) -> dict[str, Any]:
    """Facts of a path itself."""
    try:
        with parent_of(fields.text("path")) as place:
            return describe_entry(place.directory, place.name)
    except FileNotFoundError:
        return {"exists": False}


def describe_entry(directory: int, name: str) -> dict[str, Any]:
    """Facts of a directory's entry, a link's target included."""
    facts = facts_at(directory, name)
    if facts is None:
        return {"exists": False}
    reply = describe(facts)
    if stat.S_ISLNK(facts.st_mode):
        reply["target"] = os.readlink(name, dir_fd=directory)
    return reply


def list_directory(fields: Fields) -> dict[str, Any]:
    """Facts of every entry of a directory."""
    try:
        with directory_at(fields.text("path")) as directory:
            found = {name: describe_entry(directory, name) for name in sorted(os.listdir(directory))}
    except FileNotFoundError:
        found = {}
    return {"entries": {name: facts for name, facts in found.items() if facts["exists"]}}
