"""A domain's automatic certificate: how it goes, and the buttons to get, renew and revoke it."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.choices import AutoCertificateState, CertificateSource
from hosting.models import AutoCertificate, Domain
from hosting.operations.acme_account import is_configured
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.forms import NoQuestion, PortalForm
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page
from hosting.translated import translated

_TEMPLATE = "portal/auto_certificate.html"
ISSUE = Ask("auto_certificate.issue", _("Automatic certificate"), _("Get a certificate"), plans=False,
            template=_TEMPLATE)  # fmt: skip
RENEW = Ask(
    "auto_certificate.renew", _("Renew certificate"), _("Renew it now"), plans=False,
    note=_("It is renewed by itself in time. The old one stays until the new one is there."),
)  # fmt: skip
REVOKE = Ask(
    "auto_certificate.revoke", _("Revoke certificate"), _("Revoke it"), plans=False, danger=True,
    note=_("It is declared void for good, for instance because its key got into wrong hands. Your site answers "
           "without HTTPS from then on, until it gets another one."),
)  # fmt: skip


class IssueForm(PortalForm):
    """For which names."""

    wildcard = forms.BooleanField(
        label=_("For all names below the domain too"), required=False,
        help_text=_("Like shop.example.com and blog.example.com. This needs the domain's DNS here."),
    )  # fmt: skip

    def __init__(self, *args: Any, zone: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not zone:
            del self.fields["wildcard"]


@portal
def auto_certificate(request: PortalRequest, pk: int) -> HttpResponse:
    """How it goes with a domain's certificate, and the form that asks for one."""
    row = _domain(request, pk)
    context, back = _context(request, row), reverse("portal:domain_certificate", args=(row.pk,))
    if request.method != "POST" and not (context["may"]["auto_certificate_issue"] and context["configured"]):
        shown = {"ask": ISSUE, "title": ISSUE.title, "back": back, "about": row.name}
        return page(request, _TEMPLATE, {**shown, **context}, section="domains")
    form = IssueForm(request.POST if request.method == "POST" else None, zone=row.has_zone)
    return ask(request, ISSUE, row, form, back=back, section="domains", about=row.name, context=context)


@portal
def renew(request: PortalRequest, pk: int) -> HttpResponse:
    """Renew it before its time."""
    return _act(request, RENEW, pk)


@portal
def revoke(request: PortalRequest, pk: int) -> HttpResponse:
    """Have it declared void."""
    return _act(request, REVOKE, pk)


def _act(request: PortalRequest, question: Ask, pk: int) -> HttpResponse:
    rows = selectors.auto_certificates(request.actor).select_related("domain__service__customer")
    row = find(rows, pk)
    back = reverse("portal:auto_certificate", args=(row.domain_id,))
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return ask(request, question, row, form, back=back, section="domains", about=row.domain.name)


def _domain(request: PortalRequest, pk: int) -> Domain:
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    rows = rows.select_related("certificate", "service__node", "service__customer", "service__plan")
    return find(rows.defer("certificate__private_key_sealed"), pk)


def _context(request: PortalRequest, row: Domain) -> dict[str, Any]:
    auto = AutoCertificate.objects.filter(domain=row).first()
    detail, hint = translated(auto.error) if auto is not None and auto.error else ("", "")
    automatic = row.certificate is not None and row.certificate.source == CertificateSource.ACME
    return {
        "object": row,
        "auto": auto if automatic or auto is None or auto.state != AutoCertificateState.ISSUED else None,
        "trouble": detail,
        "advice": hint,
        "certificate": row.certificate if automatic else None,
        "uploaded": row.certificate is not None and not automatic,
        "waits": auto is not None and auto.state == AutoCertificateState.WAITING,
        "configured": is_configured(),
        "may": allowed(request, row, "auto_certificate.issue"),
        "current": waiting(selectors.operations(request.actor), row.service),
    }
