"""The description of the API (OpenAPI 3.1): its errors, its security, and one of the two names it is mounted under."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.permissions import SAFE_METHODS

from accounts.scopes import READ, WRITE

#: Statuses that any request may get, and those that only requests with a body or on one thing get besides.
_ALWAYS = (400, 401, 403, 406, 422, 429, 500, 503)
_WRITING = (404, 409, 413, 415)
_NODES = (502, 504)
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


class Schema(AutoSchema):
    """Tags by resource, and the scope that each request needs."""

    def get_auth(self) -> list[dict[str, Any]]:
        """A token with the scope of the view."""
        super().get_auth()  # describes the scheme
        act = READ if self.method in SAFE_METHODS else WRITE
        subject = self.view.subject_of(act)
        return [{"token": [f"{subject}:{act}"] if subject else []}]

    def get_tags(self) -> list[str]:
        """The first part of the path."""
        return [self.path.removeprefix("/api/v1/").partition("/")[0]]


class TokenScheme(OpenApiAuthenticationExtension):
    """How a token is sent."""

    target_class = "hosting.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """A bearer token."""
        return dict(build_bearer_security_scheme_object("Authorization", "Bearer", "np_…"))


def only_v1(endpoints: list[Any]) -> list[Any]:
    """Leave the alias /v1/ out, and what describes the API itself."""
    described = ("/api/v1/schema/", "/api/v1/docs/", "/api/v1/errors")
    return [entry for entry in endpoints if entry[0].startswith("/api/v1/") and not entry[0].startswith(described)]


def add_problems(result: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Give every operation its refusals: problem+json by status."""
    result["components"]["schemas"]["Problem"] = problem_schema()
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            for status in _statuses(path, method):
                operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": _PROBLEM}
    return result


def _statuses(path: str, method: str) -> list[int]:
    found = [*_ALWAYS, *(_WRITING if method != "get" else ()), *((404,) if "{" in path else ())]
    return sorted({*found, *(_NODES if path.startswith("/api/v1/nodes") and method == "post" else ())})


def problem_schema() -> dict[str, Any]:
    """The schema of problem documents."""
    text = {"type": "string"}
    fault = {
        "type": "object",
        "properties": {"field": text, "code": text, "detail": text},
        "required": ["field", "code", "detail"],
    }
    properties = {
        "type": {"type": "string", "description": "A page that explains the code."},
        "title": text,
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened."},
        "instance": text,
        "code": {"type": "string", "description": "Stable name of the error."},
        "hint": {"type": "string", "description": "What to do next."},
        "errors": {"type": "array", "items": fault, "description": "Fields at fault."},
        "trace_id": {"type": "string", "description": "Quote it to your provider."},
    }
    return {
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "properties": properties,
        "required": list(properties),
        "example": {
            "type": "/api/v1/errors/limit_reached",
            "title": "Conflict",
            "status": 409,
            "detail": "The plan Small allows 3 domains, and 3 are in use.",
            "instance": "/api/v1/domains",
            "code": "limit_reached",
            "hint": "Remove one, or ask for a larger limit.",
            "errors": [],
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        },
    }
