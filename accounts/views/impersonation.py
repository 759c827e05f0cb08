"""The customers' side of acting as somebody: redeem the ticket, and stop."""

from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.actors import actor_from_request
from accounts.interfaces import CUSTOMER, SESSION_MARKER, address, this_interface
from accounts.middleware import IMPERSONATION_KEY, forget
from accounts.models import Impersonation
from accounts.services import impersonation as acting_as
from accounts.user_agents import evidence


@csrf_exempt  # it comes from the console, another origin: the one-time ticket is what CSRF tokens are elsewhere
@login_not_required
@sensitive_post_parameters("ticket")
@never_cache
@require_POST
def redeem(request: Any) -> HttpResponse:
    """Begin to act as the person a ticket is for; the ticket came in the body, so that no log or history has it."""
    row = None
    if this_interface() == CUSTOMER:
        seen = evidence(request)
        row = acting_as.redeem(ticket=request.POST.get("ticket", ""), ip=seen["ip"], user_agent=seen["user_agent"])
    if row is None:
        context = {
            "title": _("This did not work"),
            "text": _("The ticket was used already, or a minute has passed. Ask for a new one in the console."),
        }
        return render(request, "403_interface.html", context, status=403)
    _enter(request, row)
    # A page and not a redirect: after a step from another site, browsers keep Strict cookies back for one more request.
    context = {"title": _("The portal opens"), "onward": resolve_url(settings.LOGIN_REDIRECT_URL)}
    return render(request, "account/onward.html", context)


@require_POST
def end(request: Any) -> HttpResponse:
    """Stop."""
    if getattr(request, "impersonation", None) is None:
        return HttpResponseRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))
    return end_here(request)


def end_here(request: Any) -> HttpResponse:
    """End the impersonation and its session; say where the console is."""
    row = request.impersonation
    acting_as.end_impersonation(actor=actor_from_request(request), impersonation=row, how="button")
    forget(request)
    request.impersonation = None
    context = {"title": _("You are yourself again"), "person": row.user.email, "console": address("/admin/", "admin")}
    return render(request, "account/impersonation_ended.html", context)


def _enter(request: Any, row: Impersonation) -> None:
    """A new session as the person, without a sign-in of theirs: their last one stays what it was."""
    if request.user.is_authenticated:
        UserSession.objects.filter(session_key=request.session.session_key).delete()
    request.session.flush()
    request.session[SESSION_KEY] = str(row.user_id)
    request.session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    request.session[HASH_SESSION_KEY] = row.user.get_session_auth_hash()
    request.session[SESSION_MARKER] = this_interface()
    request.session[IMPERSONATION_KEY] = row.pk
    request.session.set_expiry(max(1, int((row.until - timezone.now()).total_seconds())))
    request.user = request._cached_user = row.user
    request.impersonation = row
    rotate_token(request)
