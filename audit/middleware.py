"""Answers 503 when a change was rolled back because its audit event could not be written."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from audit.errors import AuditWriteFailed
from observability.logging import get_logger
from observability.operations import AUDIT_WRITE

_RETRY_SECONDS = "10"


class AuditUnavailableMiddleware(MiddlewareMixin):
    """Turns AuditWriteFailed into a 503: problem+json (RFC 9457) for programs, plain text for people."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, AuditWriteFailed):
            return None
        get_logger(AUDIT_WRITE).error("change refused: no audit", exc_info=exception, status="failed")
        response = _answer(request, exception)
        response["Retry-After"] = _RETRY_SECONDS
        return response


def _answer(request: HttpRequest, error: AuditWriteFailed) -> HttpResponse:
    if request.accepts("text/html"):
        words = " ".join((_("Service unavailable."), _(error.hint)))
        return HttpResponse(f"{words}\n", status=503, content_type="text/plain; charset=utf-8")
    problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "code": error.code}
    return JsonResponse({**problem, "detail": _(error.hint)}, status=503, content_type="application/problem+json")
