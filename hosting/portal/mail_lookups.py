"""Questions about one's own mail: what became of it, and how well others will take it."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.errors import HostingError
from hosting.mail_answers import shown
from hosting.models import MailDomain, MailLookup
from hosting.policies import perform
from hosting.portal.access import PortalRequest, find, portal, require
from hosting.portal.budget import within
from hosting.portal.choosing import chosen_service
from hosting.portal.domains import LOOKS
from hosting.portal.forms import NoQuestion, PortalForm
from hosting.portal.pages import Ask, page

SEARCH = Ask(
    "mail_lookup.search", _("Where is my mail?"), _("Search"), plans=False, template="portal/mail_log.html",
    note=_("Looks in the mail server's log of the last days for mail that you sent, or that was to reach you."),
)  # fmt: skip
CHECK = Ask(
    "mail_lookup.check", _("Check mail"), _("Check now"), plans=False,
    note=_("Looks at your domain as other mail servers do, and says what would make them take its mail more readily."),
)  # fmt: skip


class SearchForm(PortalForm):
    """What is looked for."""

    query = forms.CharField(
        label=_("Address"), max_length=254,
        help_text=_("Whom you wrote to, or who wrote to you: name@example.com, or @example.com for all of a domain."),
    )  # fmt: skip


@portal
@within("look-up", LOOKS, posted=True)
def search(request: PortalRequest) -> HttpResponse:
    """Ask what became of mail."""
    choice = chosen_service(request, SEARCH.use)
    back = reverse("portal:mail")
    if choice.service is None:
        return choice.page(request, SEARCH.title, back, "mail")
    require(request, SEARCH.use, choice.service)
    form = SearchForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        answer = _asked(request, SEARCH, choice.service, form, form.answers())
        if answer is not None:
            return answer
    recent = selectors.mail_lookups(request.actor).filter(service=choice.service).defer("answer")
    context = {
        "form": form,
        "recent": recent.order_by("-pk")[:10],
        "about": choice.service.username,
        "trail": _("Email"),
    }
    return _page(request, SEARCH, back, context)


@portal
@within("look-up", LOOKS, posted=True)
def check(request: PortalRequest, pk: int) -> HttpResponse:
    """Have a domain's mail checked."""
    row = find(selectors.domains(request.actor).filter(mail__isnull=False, name_key__isnull=False), pk)
    mail = MailDomain.objects.select_related("domain__service__node").get(domain=row)
    require(request, CHECK.use, mail)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        answer = _asked(request, CHECK, mail, form, {})
        if answer is not None:
            return answer
    return _page(request, CHECK, reverse("portal:mail_delivery", args=(mail.pk,)), {"form": form, "about": row.name})


def _asked(
    request: PortalRequest, question: Ask, subject: Any, form: PortalForm, data: dict[str, Any]
) -> HttpResponse | None:
    try:
        row = perform(request.actor, question.use, subject, **data)
    except HostingError as error:
        form.refuse(error)
        return None
    return HttpResponseRedirect(reverse("portal:mail_lookup", args=(row.pk,)))


def _page(request: HttpRequest, question: Ask, back: str, context: dict[str, Any]) -> HttpResponse:
    shown_with = {"ask": question, "title": question.title, "back": back, **context}
    return page(request, question.template, shown_with, section="mail")


@portal
def lookup(request: PortalRequest, pk: int) -> HttpResponse:
    """A question and its answer."""
    return page(request, "portal/mail_lookup.html", _context(request, pk), section="mail")


@portal
def lookup_live(request: PortalRequest, pk: int) -> HttpResponse:
    """The answer alone, as soon as there is one; a part of the page."""
    return page(request, "portal/mail_answer.html", _context(request, pk), section="mail")


def _context(request: PortalRequest, pk: int) -> dict[str, Any]:
    row: MailLookup = find(selectors.mail_lookups(request.actor), pk)
    back, trail = reverse("portal:mail_search"), SEARCH.title
    if row.domain is not None:
        back, trail = reverse("portal:mail_check", args=(row.domain.pk,)), CHECK.title
    live = reverse("portal:mail_lookup_live", args=(row.pk,))
    return {**shown(row, spare=True), "live": live, "back": back, "trail": trail}
