"""Diffs for people, made from the JSON form of Resources, so that a stored plan reads the same as a fresh one."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

Form = Mapping[str, Any] | None


def diff(before: Form, after: Form) -> list[str]:
    """Printable lines of a unified diff of two encoded Resources, without file headers; secrets appear as fingerprints.

    Only equal sides give no lines. Fields that say nothing ("" or none) are left out.
    """
    sides = [_unsealed(before), _unsealed(after)]
    old, new = (_lines(side) for side in sides)
    if old == new and sides[0] != sides[1]:
        old, new = ([json.dumps(side)] for side in sides)
    return list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]


def printable(value: Any) -> str:
    """A field's value on one line, without control characters (they could steer a terminal)."""
    if isinstance(value, dict) and "$secret" in value:
        return f"(secret {value['$secret']})" if value["$secret"] else "(none)"
    if isinstance(value, dict):
        return " ".join(printable(item) for item in value.values())
    if isinstance(value, list):
        return " ".join(printable(item) for item in value)
    text = str(value)
    return text if text.isprintable() else json.dumps(text)


def _unsealed(value: Any) -> Any:
    """The same JSON without sealed texts, which differ for equal secrets."""
    if isinstance(value, Mapping):
        return {name: _unsealed(item) for name, item in value.items() if name != "$sealed"}
    return [_unsealed(item) for item in value] if isinstance(value, list) else value


def _lines(form: Form) -> list[str]:
    lines: list[str] = []
    for name, value in (form or {}).items():
        if name != "kind" and value not in ("", [], {"$secret": ""}):
            lines.extend(_field_lines(name, value))
    return lines


def _field_lines(name: str, value: Any) -> list[str]:
    if isinstance(value, str) and "\n" in value:
        *lines, last = value.split("\n")
        tail = [f"  {printable(last)} (no line end)"] if last else []
        return [f"{name}:", *(f"  {printable(line)}" for line in lines), *tail]
    if isinstance(value, list) and value:
        return [f"{name}:", *(f"  {printable(item)}" for item in value)]
    return [f"{name}: {printable(value)}"]
