"""Looks at each session before any page: made for this interface, by somebody who belongs here, still right."""

import time
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.interfaces import SESSION_MARKER, may_enter, this_interface
from accounts.services import impersonation as acting_as
from observability.logging import get_logger
from observability.operations import ACCESS_DENIED

IMPERSONATION_KEY = "npanel_impersonation"
ENROLLED_KEY = "npanel_second_factor"
SEEN_KEY = "npanel_seen_at"
_SEEN_EVERY_S = 60
#: Pages about one's own account; who acts as somebody else gets none of them but these.
OWN_PAGES = ("account_", "mfa_", "usersessions_")
#: Among them, what an operator gets only with a second factor.
AFTER_ENROLMENT = "account_token"
OPEN_WHILE_ACTING = frozenset({"account_impersonation", "account_impersonation_end", "account_logout"})
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class DoorMiddleware:
    """Drops sessions that do not belong here, ends impersonations in time, asks operators for a second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        """Check the session, if the request brings one; without a cookie nothing is read."""
        request.impersonation = None
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            if _belongs_here(request):
                _keep_in_mind(request)
            else:
                forget(request)
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, arguments: Any, keywords: Any) -> HttpResponse | None:
        """Keep whoever acts as somebody else off the account pages, and operators to enrolment until they have it."""
        name = request.resolver_match.view_name or ""
        own_page = name.startswith(OWN_PAGES)
        if request.impersonation is not None and own_page and name not in OPEN_WHILE_ACTING:
            return refuse_while_acting(request)
        enrolling = own_page and not name.startswith(AFTER_ENROLMENT)
        if not enrolling and getattr(view, "login_required", True) and must_enrol(request):
            return HttpResponseRedirect(reverse("account_security"))
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Ask for proof again. What was sent is not kept: allauth would put it into the session, passwords included."""
        if not isinstance(exception, ReauthenticationRequired) or not request.user.is_authenticated:
            return None
        methods = get_adapter(request).get_reauthentication_methods(request.user)
        if not methods:
            raise PermissionDenied from exception
        back = request.get_full_path() if request.method == "GET" else request.path
        return HttpResponseRedirect(f"{methods[0]['url']}?{urlencode({'next': back})}")


def forget(request: Any) -> None:
    """End the request's session; the request goes on as nobody's."""
    request.session.flush()
    request.user = request._cached_user = AnonymousUser()


def must_enrol(request: Any) -> bool:
    """Whether this operator has to add a second factor before anything else."""
    user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
    if user is None or not settings.NPANEL_REQUIRE_STAFF_2FA or not user.is_authenticated or not user.is_staff:
        return False
    if request.session.get(ENROLLED_KEY):
        return False
    enrolled = Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists()
    if enrolled:
        request.session[ENROLLED_KEY] = True
    return not enrolled


def refuse_while_acting(request: HttpRequest) -> HttpResponse:
    """403: this belongs to the person alone."""
    get_logger(ACCESS_DENIED).warning("refused while impersonating", status="failed", error_code="impersonating")
    context = {
        "title": _("Not while you act as somebody"),
        "text": _("Password, second factors, sessions, tokens and people are for the person alone."),
    }
    return render(request, "403_interface.html", context, status=403)


def not_while_impersonating(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator for views that an operator who acts as somebody else must not reach."""

    def guarded(request: Any, *arguments: Any, **keywords: Any) -> HttpResponse:
        if getattr(request, "impersonation", None) is not None:
            return refuse_while_acting(request)
        return view(request, *arguments, **keywords)

    return guarded


def _belongs_here(request: Any) -> bool:
    if request.session.get(SESSION_MARKER) != this_interface():
        return False
    if IMPERSONATION_KEY in request.session:
        return _acts_rightly(request)
    return may_enter(request.user)


def _acts_rightly(request: Any) -> bool:
    row = acting_as.find(request.session[IMPERSONATION_KEY])
    why = "time" if row is None or row.user_id != request.user.pk else acting_as.over(row)
    if row is not None and why:
        acting_as.end_impersonation(actor=acting_as.acting(row, ip=request.client_ip), impersonation=row, how=why)
        messages.info(request, _("You no longer act as %(person)s.") % {"person": row.user.email})
    request.impersonation = None if why else row
    return not why


def _keep_in_mind(request: Any) -> None:
    """The person's language, and once a minute that the session is in use."""
    language = request.user.language
    if language and language in dict(settings.LANGUAGES):
        translation.activate(language)
        request.LANGUAGE_CODE = language
    now = int(time.time())
    if now - request.session.get(SEEN_KEY, now) >= _SEEN_EVERY_S:
        request.session[SEEN_KEY] = now
        UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=timezone.now())
