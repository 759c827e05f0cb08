"""A strict Content-Security-Policy with a nonce for each response (CSP Level 3)."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'{forms}; base-uri 'none'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Sets the policy on every response; templates use ``{{ csp_nonce }}``.

    A view may let forms go to one more origin by ``request.csp_form_action``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Make the nonce, serve, add the header."""
        request.csp_nonce = secrets.token_urlsafe(16)  # type: ignore[attr-defined]
        response = self.get_response(request)
        forms = getattr(request, "csp_form_action", "")
        policy = _POLICY.format(nonce=request.csp_nonce, forms=f" {forms}" if forms else "")  # type: ignore[attr-defined]
        if sources := getattr(response, "frame_sources", ""):  # a view whose page holds a frame says from where
            policy += f"; frame-src {sources}"
        response.setdefault("Content-Security-Policy", policy)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


def nonce(request: HttpRequest) -> dict[str, str]:
    """Context processor: the nonce of this response."""
    return {"csp_nonce": getattr(request, "csp_nonce", "")}
