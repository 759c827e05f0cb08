"""Resources to JSON-ready values and back; secrets leave only as fingerprint, or sealed by the caller."""

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from hosting.state.resources import RESOURCES, Resource, Secret

Seal = Callable[[str], str]


def encode(value: Any, seal: Seal | None = None) -> Any:
    """Turn a Resource (or any field value of one) into JSON-ready data.

    Args:
        value: a Resource, nested dataclass, tuple or scalar.
        seal: turns a secret's text into sealed text; without it only the fingerprint is kept, for good.
    """
    if isinstance(value, Secret):
        form = {"$secret": value.fingerprint}
        return form | {"$sealed": seal(value.value)} if seal and value.value else form
    if is_dataclass(value) and not isinstance(value, type):
        data = {f.name: encode(getattr(value, f.name), seal) for f in fields(value)}
        return {"kind": value.kind} | data if isinstance(value, Resource) else data
    if isinstance(value, tuple):
        return [encode(item, seal) for item in value]
    return value


def decode(data: dict[str, Any] | None, unseal: Seal | None = None) -> Resource | None:
    """Turn what :func:`encode` gave back into a Resource.

    Raises:
        KeyError: the kind is not registered.
        ValueError: a secret is there only as fingerprint, or no ``unseal`` was given for a sealed one.
    """
    if data is None:
        return None
    cls = RESOURCES[data["kind"]]
    resource: Resource = _build(cls, {name: item for name, item in data.items() if name != "kind"}, unseal)
    return resource


def _build(cls: type, data: dict[str, Any], unseal: Seal | None) -> Any:
    hints = get_type_hints(cls)
    known = {f.name for f in fields(cls)}
    return cls(**{name: _value(hints[name], item, unseal) for name, item in data.items() if name in known})


def _value(hint: Any, item: Any, unseal: Seal | None) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [a for a in get_args(hint) if a is not type(None)]
        return None if item is None else _value(inner[0], item, unseal)
    if hint is Secret:
        return _secret(item, unseal)
    if origin is tuple:
        return _tuple(get_args(hint), item, unseal)
    if is_dataclass(hint):
        return _build(hint, item, unseal)  # type: ignore[arg-type]
    return item


def _tuple(args: tuple[Any, ...], items: list[Any], unseal: Seal | None) -> tuple[Any, ...]:
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_value(args[0], item, unseal) for item in items)
    return tuple(_value(hint, item, unseal) for hint, item in zip(args, items, strict=True))


def _secret(item: dict[str, str], unseal: Seal | None) -> Secret:
    if not item["$secret"]:
        return Secret("")
    if "$sealed" not in item:
        raise ValueError("this copy holds only the secret's fingerprint")
    if unseal is None:
        raise ValueError("a sealed secret needs the worker's key")
    return Secret(unseal(item["$sealed"]))
