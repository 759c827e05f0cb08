"""A look at a site before its domain points here.

A customer's pages come from the portal's own address, so they must never run as part of it:

* the page around the preview needs a session and the right to see the domain; only it may hold the frame;
* what is in the frame is served under ``Content-Security-Policy: sandbox`` without ``allow-same-origin``: an origin of
  its own, so no cookie, no storage and no page of the portal is within its reach; the frame itself is sandboxed too;
* it is reached by a signed address that ends after some minutes: a page without an origin has no cookies to show;
* as a page of its own it is refused, so nobody can be sent a link to a sign-in form under the portal's name;
* its address is kept out of the logs, and it can't take all threads of a process: few are fetched at a time;
* none of its files can be a script, style or worker of the portal: such requests come from the portal's origin.
"""

import threading

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hosting import selectors
from hosting.errors import HostingError
from hosting.models import Domain
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.budget import take, within
from hosting.portal.fetching import Fetched, fetch, inner_path, rewritten
from hosting.portal.pages import page
from hosting.translated import translated_sentence

#: Seconds for which a look may last.
VALID_S = 15 * 60
_SALT = "hosting.portal.preview"
_SANDBOX = "sandbox{scripts}; frame-ancestors 'self'"
#: Looks, and files in them, that a person may ask for within a minute.
LOOKS, FILES = 20, 600
#: Fetches of this process that go on: sites are slow, and threads are few.
_fetching = threading.BoundedSemaphore(settings.NPANEL_PREVIEWS_AT_ONCE)


@require_safe
@portal
@within("preview", LOOKS)
def frame(request: PortalRequest, pk: int) -> HttpResponse:
    """The page around the preview."""
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    domain = find(rows.select_related("service__node"), pk)
    address = _prefix(signing.dumps([domain.pk, request.user.pk], salt=_SALT))
    context = {"object": domain, "address": address, "title": _("Preview"), "minutes": VALID_S // 60}
    response = page(request, "portal/preview.html", context, section="domains")
    response.frame_sources = "'self'"  # type: ignore[attr-defined]
    return response


@require_safe
@login_not_required
def preview_page(request: HttpRequest, token: str, path: str) -> HttpResponse:
    """One page or file of the site, from the node, for the frame alone."""
    refusal = _refusal(request)
    if refusal:
        return _message(request, refusal, 403)
    domain, person = _meant_by(token)
    if domain is None:
        return _message(request, _("This preview has ended. Open it again from the domain's page."), 403)
    if not take("preview-files", person, FILES):
        return _message(request, _("That was often within a minute. Try again in a minute."), 429)
    if not _fetching.acquire(blocking=False):
        return _message(request, _("Many previews are open just now. Try again in a moment."), 503)
    try:
        fetched = fetch(domain, path, request.META.get("QUERY_STRING", ""), head=request.method == "HEAD")
    except HostingError as error:
        return _message(request, translated_sentence(error), 502)
    finally:
        _fetching.release()
    return _sandboxed(_redirected(request, fetched, domain, token) or _served(fetched, domain, token), request)


def _refusal(request: HttpRequest) -> str:
    """Why this request is none of a preview's; "" when it may be one."""
    wanted_as, comes_from = request.headers.get("Sec-Fetch-Dest", ""), request.headers.get("Sec-Fetch-Site", "")
    if wanted_as == "document":
        return _("A preview is seen inside the portal only.")
    if request.headers.get("Service-Worker") or (wanted_as != "iframe" and comes_from == "same-origin"):
        return _("A preview's files are no part of the portal.")
    return ""


def _meant_by(token: str) -> tuple[Domain | None, int]:
    """The domain that an address is for, while it is valid, and who asked for the look."""
    try:
        pk, person = signing.loads(token, salt=_SALT, max_age=VALID_S)
    except signing.BadSignature:
        return None, 0
    return Domain.objects.filter(pk=pk, name_key__isnull=False).select_related("service__node").first(), person


def _redirected(request: HttpRequest, fetched: Fetched, domain: Domain, token: str) -> HttpResponse | None:
    if not fetched.location or not 300 <= fetched.status < 400:
        return None
    inner = inner_path(fetched.location, domain)
    if inner is None:
        return _message(request, _("The site sends its visitors to another address."), 200)
    return HttpResponseRedirect(_prefix(token) + inner)


def _served(fetched: Fetched, domain: Domain, token: str) -> HttpResponse:
    body = rewritten(fetched, domain, _prefix(token))
    return HttpResponse(body, status=fetched.status, content_type=fetched.content_type)


def _prefix(token: str) -> str:
    return reverse("portal:preview_start", args=(token,))


def _sandboxed(response: HttpResponse, request: HttpRequest) -> HttpResponse:
    """Scripts run in a frame only, and only where the browser says that it is one."""
    scripts = " allow-scripts" if request.headers.get("Sec-Fetch-Dest") else ""
    response["Content-Security-Policy"] = _SANDBOX.format(scripts=scripts)
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["Access-Control-Allow-Origin"] = "null"  # fonts and modules of a page without an origin
    return response


def _message(request: HttpRequest, text: str, status: int) -> HttpResponse:
    """A plain sentence in the frame."""
    body = render_to_string("portal/preview_message.html", {"text": text}, request)
    return _sandboxed(HttpResponse(body, status=status), request)
