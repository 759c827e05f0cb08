"""Every refusal as problem+json (RFC 9457): what happened, its code, what to do, the field at fault, the trace."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from audit.errors import AuditWriteFailed
from hosting.api.codes import status_of
from hosting.errors import HostingError
from observability.context import current

CONTENT_TYPE = "application/problem+json"
ERRORS_URL = "/api/v1/errors/"

#: DRF's codes for what has none of its own here.
_CODES = {
    "not_authenticated": "unauthenticated",
    "authentication_failed": "bad_token",
    "permission_denied": "forbidden",
    "parse_error": "bad_json",
    "method_not_allowed": "method_not_allowed",
    "not_acceptable": "not_acceptable",
    "unsupported_media_type": "unsupported_media_type",
    "throttled": "throttled",
}


class Refusal(exceptions.APIException):
    """A refusal of the API's own.

    Args:
        code: one of :data:`hosting.api.codes.STATUSES`.
        detail: one sentence. hint: what to do next.
        wait: seconds after which trying again makes sense.
    """

    def __init__(self, code: str, detail: str, *, hint: str = "", field: str = "", wait: int | None = None) -> None:
        super().__init__(detail, code)
        self.status_code = status_of(code)
        self.hint, self.field, self.wait = hint, field, wait


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: the answer to any exception of a view."""
    set_rollback()
    request = context["request"]
    if isinstance(error, HostingError):
        status, named = status_of(error.code), _named(error)
        return problem(request, status, code=error.code, detail=error.detail, hint=error.hint, errors=named)
    if isinstance(error, AuditWriteFailed):
        return problem(request, 503, code=error.code, detail=error.hint, headers={"Retry-After": "10"})
    known = _as_api_exception(error)
    if known is None:
        got_request_exception.send(sender=handle, request=request._request)
        detail = _("Something went wrong on our side, and nothing was lost.")
        return problem(
            request, 500, code="internal_error", detail=detail, hint=_("Quote the trace id to your provider.")
        )
    return _of_drf(request, known)


def problem(
    request: Any,
    status: int,
    *,
    code: str,
    detail: str,
    hint: str = "",
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document as the answer.

    Args:
        errors: fields at fault, each as ``{"field", "code", "detail"}``.
    """
    body = document(request.path, status, code, detail, hint, errors or [])
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def document(
    path: str, status: int, code: str, detail: str, hint: str = "", errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": f"{ERRORS_URL}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
        "hint": hint,
        "errors": errors or [],
        "trace_id": current().trace_id,
    }


@csrf_exempt
@login_not_required
def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Addresses below /api/ and /v1/ that mean nothing."""
    body = document(request.path, 404, "not_found", _("There is nothing at this address."))
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def _named(error: HostingError) -> list[dict[str, str]]:
    return [{"field": error.field, "code": error.code, "detail": error.detail}] if error.field else []


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case RequestDataTooBig():
            return Refusal("body_too_large", _("The body is too large."))
        case SuspiciousOperation():
            return Refusal("bad_request", _("The request can't be read."))
    return None


def _of_drf(request: Any, error: exceptions.APIException) -> Response:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(error, exceptions.ValidationError):
        detail = _("What was sent does not fit; see the fields.")
        return problem(request, 422, code="invalid", detail=detail, errors=list(_fields(error.detail)), headers=headers)
    code = str(getattr(error.detail, "code", error.default_code))
    code = _CODES.get(code, code)
    return problem(
        request, error.status_code, code=code, detail=str(error.detail), hint=getattr(error, "hint", ""),
        errors=_named_by_refusal(error, code), headers=headers,
    )  # fmt: skip


def _named_by_refusal(error: exceptions.APIException, code: str) -> list[dict[str, str]]:
    field = getattr(error, "field", "")
    return [{"field": field, "code": code, "detail": str(error.detail)}] if field else []


def _fields(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """The fields at fault in DRF's nested lists and dictionaries; a field inside another is named with a dot."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            plain = "" if name == "non_field_errors" else str(name)
            yield from _fields(inner, ".".join(part for part in (path, plain) if part))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _fields(inner, path)
    else:
        yield {"field": path, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}
