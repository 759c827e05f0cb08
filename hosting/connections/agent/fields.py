"""Typed, checked access to what a request carries: nothing is taken on trust from the wire."""

from __future__ import annotations

import math
from typing import Any

from .wire import Refused, to_bytes

MAX_SECONDS = 86400.0
_MISSING: Any = object()


class Fields:
    """One request as it came, read field by field; a missing or wrong one is a refusal ``bad_request``."""

    def __init__(self, request: Any) -> None:
        if not isinstance(request, dict):
            raise Refused("bad_request", "a request is no JSON object")
        self.raw: dict[str, Any] = request

    def _get(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self.raw.get(name, default)
        if value is _MISSING:
            raise Refused("bad_request", f"the field {name} is missing")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise Refused("bad_request", f"the field {name} has a wrong type")
        return value

    def text(self, name: str, default: Any = _MISSING) -> str:
        value: str = self._get(name, str, default)
        if "\0" in value:
            raise Refused("bad_request", f"the field {name} holds a NUL")
        return value

    def flag(self, name: str) -> bool:
        return bool(self._get(name, bool, False))

    def whole(self, name: str, low: int, high: int, default: Any = _MISSING) -> int:
        value: int = self._get(name, int, default)
        if not low <= value <= high:
            raise Refused("bad_request", f"the field {name} is not between {low} and {high}")
        return value

    def seconds(self, name: str, default: float) -> float:
        value = float(self._get(name, (int, float), default))
        if not math.isfinite(value) or not 0 < value <= MAX_SECONDS:
            raise Refused("bad_request", f"the field {name} is not between 0 and {MAX_SECONDS:.0f} seconds")
        return value

    def binary(self, name: str) -> bytes:
        try:
            return to_bytes(self._get(name, str, ""))
        except ValueError as error:
            raise Refused("bad_request", f"the field {name} is no base64") from error

    def texts(self, name: str) -> list[str]:
        values = self._get(name, list, _MISSING)
        if not values or not all(isinstance(value, str) and "\0" not in value for value in values):
            raise Refused("bad_request", f"the field {name} is no list of texts")
        return list(values)

    def wholes(self, name: str, default: list[int]) -> list[int]:
        values = self._get(name, list, default)
        if not all(isinstance(value, int) for value in values):
            raise Refused("bad_request", f"the field {name} is no list of whole numbers")
        return list(values)

    def pairs(self, name: str) -> list[tuple[str, str]]:
        values = self._get(name, list, [])
        if not all(isinstance(pair, list) and [type(part) for part in pair] == [str, str] for pair in values):
            raise Refused("bad_request", f"the field {name} is no list of pairs of texts")
        return [(pair[0], pair[1]) for pair in values]

    @property
    def user(self) -> str:
        """Linux user to act as; "" and root mean the agent itself."""
        name = self.raw.get("user")
        if name is None:
            return ""
        return "" if self.text("user") == "root" else self.text("user")

    @property
    def failpoint(self) -> str:
        """Where to die, in a drill; "" normally."""
        return self.text("failpoint", "")
