"""The description of the API for programs (JSON) and for people: pages rendered here, without a line of script."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from hosting.api.codes import MEANINGS, STATUSES

_METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter or a field: its name, its type in words, whether it is needed, and what it means."""

    name: str
    type: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address, as the page shows it."""

    id: str
    method: str
    path: str
    text: str
    parameters: list[Value]
    fields: list[Value]
    example: str
    answers: list[tuple[str, str]]
    scope: str


@functools.cache
def description() -> dict[str, Any]:
    """The OpenAPI document; it is the same for everybody, so each process makes it once."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


@login_not_required
@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    text = json.dumps(description(), indent=1, default=str)
    return HttpResponse(text, content_type="application/vnd.oai.openapi+json;version=3.1")


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The reference for people."""
    groups: dict[str, list[Endpoint]] = {}
    for endpoint, tag in _endpoints(description()):
        groups.setdefault(tag, []).append(endpoint)
    return render(request, "api/reference.html", {"groups": groups, "shapes": dict(_shapes(description()))})


@login_not_required
@require_safe
def errors(request: HttpRequest, code: str = "") -> HttpResponse:
    """What an error code means, or all of them: the address in a problem's ``type``."""
    if code and code not in STATUSES:
        raise Http404(_("There is no such code."))
    rows = [(name, status, MEANINGS.get(name, "")) for name, status in sorted(STATUSES.items()) if code in ("", name)]
    return render(request, "api/errors.html", {"rows": rows, "code": code})


def _endpoints(document: dict[str, Any]) -> Iterator[tuple[Endpoint, str]]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield _endpoint(path, method, methods[method], schemas), methods[method]["tags"][0]


def _shapes(document: dict[str, Any]) -> Iterator[tuple[str, list[Value]]]:
    """What answers consist of."""
    schemas = document["components"]["schemas"]
    for name, schema in sorted(schemas.items()):
        if "properties" in schema and not name.endswith("Request"):
            yield name, _fields(schema, schemas, answered=True)


def _endpoint(path: str, method: str, found: dict[str, Any], schemas: dict[str, Any]) -> Endpoint:
    content = found.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [example["value"] for example in content.get("examples", {}).values()]
    good = {status: answer for status, answer in found["responses"].items() if status < "300"}
    return Endpoint(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        text=found.get("description", ""),
        parameters=[_parameter(one, schemas) for one in found.get("parameters", [])],
        fields=_fields(_resolved(content.get("schema", {}), schemas), schemas),
        example=json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else "",
        answers=[(status, _answer(answer)) for status, answer in good.items()],
        scope=", ".join(found["security"][0]["token"]),
    )


def _parameter(found: dict[str, Any], schemas: dict[str, Any]) -> Value:
    place = {"query": "", "path": _("in the path"), "header": _("header")}[found["in"]]
    type_ = ", ".join(part for part in (_type(found["schema"], schemas), place) if part)
    return Value(found["name"], type_, found.get("required", False), found.get("description", ""))


def _fields(schema: dict[str, Any], schemas: dict[str, Any], *, answered: bool = False) -> list[Value]:
    needed = [] if answered else schema.get("required", [])
    return [
        Value(name, _type(field, schemas), name in needed, field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
        if answered or not field.get("readOnly")
    ]


def _type(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A type in words: ``string``, ``array of integer``, ``one of: active, suspended``."""
    schema = _resolved(schema, schemas)
    if "enum" in schema:
        return _("one of: %(values)s") % {"values": ", ".join(str(value) for value in schema["enum"])}
    if schema.get("type") == "array":
        return _("list of %(type)s") % {"type": _type(schema.get("items", {}), schemas)}
    if several := schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf"):
        return ", ".join(dict.fromkeys(_type(one, schemas) for one in several))
    found = schema.get("type", "")
    return " or ".join(found) if isinstance(found, list) else found


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return schemas[reference.rpartition("/")[2]] if reference else schema


def _answer(found: dict[str, Any]) -> str:
    content = found.get("content", {}).get("application/json", {}).get("schema", {})
    return content.get("$ref", "").rpartition("/")[2]
