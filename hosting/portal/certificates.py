"""Security certificates of domains: what a site is served with, uploading, removing, and the switches for HTTPS."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.certificate_forms import AlthoughHsts, CertificateFields, HttpsFields
from hosting.models import Certificate, Domain
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.forms import PortalForm
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page, rows_by_name
from hosting.services.certificates import uncovered
from hosting.trust import is_trusted

UPLOAD = Ask(
    "certificate.upload", _("Upload a certificate"), _("See what changes"), at_once=True,
    note=_("One that you have from an authority, with its key. Your site is served with it over HTTPS."),
    template="portal/certificate_upload.html",
)  # fmt: skip
HTTPS = Ask("domain.https", _("Change HTTPS"), _("See what changes"), at_once=True)
REMOVE = Ask(
    "certificate.remove", _("Remove certificate"), _("See what is removed"),
    _("The site answers without HTTPS only, and sends nobody there any more. The key is forgotten."), danger=True,
)  # fmt: skip


class UploadForm(CertificateFields, PortalForm):
    """A certificate of one's own."""


class HttpsForm(HttpsFields, PortalForm):
    """The switches of a domain."""


class RemoveForm(AlthoughHsts, PortalForm):
    """Asks only where browsers insist on HTTPS."""

    def __init__(self, *args: Any, insisting: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not insisting:
            del self.fields["although_hsts"]


@portal
def certificates(request: PortalRequest) -> HttpResponse:
    """All domains with what they are served with, by name."""
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    found = rows_by_name(
        rows.select_related("service", "certificate").defer("certificate__private_key_sealed"), request
    )
    return page(request, "portal/certificates.html", {"rows": found}, section="domains")


@portal
def certificate(request: PortalRequest, pk: int) -> HttpResponse:
    """What one domain is served with, and the switches."""
    row = _held(request, pk)
    held = row.certificate
    context = {
        "object": row,
        "certificate": held,
        "trusted": held is not None and is_trusted(held.chain_pem, row.name),
        "uncovered": uncovered(row, held) if held is not None else [],
        "also": [other for other in held.domains.order_by("name") if other != row][:20] if held is not None else [],
        "may": allowed(request, row, "certificate.upload", "domain.https")
        | (allowed(request, held, "certificate.remove") if held is not None else {}),
        "current": waiting(selectors.operations(request.actor), row.service),
    }
    return page(request, "portal/certificate.html", context, section="domains")


@portal
def upload(request: PortalRequest, pk: int) -> HttpResponse:
    """A certificate from a file, or pasted."""
    row = _held(request, pk)
    form = UploadForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    return _ask(request, UPLOAD, row, form, row)


@portal
def https(request: PortalRequest, pk: int) -> HttpResponse:
    """Redirect and HSTS."""
    row = _held(request, pk)
    initial = {"redirect": row.https_redirect, "hsts": row.hsts}
    form = HttpsForm(request.POST if request.method == "POST" else None, initial=initial)
    return _ask(request, HTTPS, row, form, row)


@portal
def remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove the certificate of a domain, and of the others that use it."""
    row = _held(request, pk)
    held = find(selectors.certificates(request.actor), row.certificate_id)
    insisting = held.domains.filter(hsts=True).exists()
    form = RemoveForm(request.POST if request.method == "POST" else None, insisting=insisting)
    return _ask(request, REMOVE, held, form, row)


def _held(request: PortalRequest, pk: int) -> Domain:
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    rows = rows.select_related("service__node", "service__customer", "service__plan", "certificate")
    return find(rows.defer("certificate__private_key_sealed"), pk)


def _ask(
    request: PortalRequest, question: Ask, subject: Domain | Certificate, form: PortalForm, row: Domain
) -> HttpResponse:
    back = reverse("portal:domain_certificate", args=(row.pk,))
    return ask(request, question, subject, form, back=back, section="domains", about=row.name)
