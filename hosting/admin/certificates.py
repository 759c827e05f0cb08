"""Certificates of sites, and what can be done with them on a domain's page."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import ServiceScope
from hosting.admin.forms import AskForm
from hosting.admin.operations import TABS_OF_A_PART, operations_of
from hosting.admin.pages import Action, ObjectAdmin
from hosting.certificate_forms import AlthoughHsts, CertificateFields, HttpsFields
from hosting.models import Certificate, Domain, Operation
from hosting.services import certificates
from hosting.templatetags.console import unicode_name
from hosting.trust import is_trusted


class UploadForm(CertificateFields, AskForm):
    """A certificate from a customer."""


class HttpsForm(HttpsFields, AskForm):
    """The switches of a domain."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"redirect": self.subject.https_redirect, "hsts": self.subject.hsts, **self.initial}


class RemoveForm(AlthoughHsts, AskForm):
    """Whether to go on against advice."""


def _upload(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return certificates.upload_certificate(actor=actor, domain=domain, **data)


def _https(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return certificates.change_https(actor=actor, domain=domain, **data)


def _remove(actor: Actor, certificate: Certificate, data: dict[str, Any]) -> Operation:
    return certificates.remove_certificate(actor=actor, certificate=certificate, **data)


UPLOAD_CERTIFICATE = Action(
    "upload-certificate", _("Upload a certificate"), _("Plan the certificate"), _upload, UploadForm, icon="lock",
    template="admin/npanel/certificate_upload.html",
    note=_("In place of the one that it may have. The key is sealed at once, and no page shows it again."),
)  # fmt: skip
CHANGE_HTTPS = Action(
    "https", _("Change HTTPS"), _("Plan the change"), _https, HttpsForm, icon="lock",
    note=_("Whether visitors are sent to HTTPS, and whether browsers insist on it."),
)  # fmt: skip
REMOVE_CERTIFICATE = Action(
    "remove", _("Remove certificate"), _("Plan the removal"), _remove, RemoveForm, danger=True, icon="trash-2",
    note=_("The domains that use it answer without HTTPS again. The key is forgotten."),
)  # fmt: skip


class StateFilter(admin.SimpleListFilter):
    """Certificates that end soon, or have."""

    title = _("validity")
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("ended", _("Ended")), ("7", _("Ends within 7 days")), ("30", _("Ends within 30 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Certificate]) -> QuerySet[Certificate]:
        days = {"ended": 0, "7": 7, "30": 30}.get(str(self.value()))
        return queryset if days is None else queryset.filter(not_after__lte=timezone.now() + timedelta(days=days))


@admin.register(Certificate)
class CertificateAdmin(ObjectAdmin):
    """Certificates."""

    list_display = ("label", "service_name", "validity", "num_days", "until", "issued_by", "kept_source")
    list_display_links = ("label",)
    list_filter = (StateFilter, ServiceScope)
    search_fields = ("name__startswith",)
    search_help_text = _("First name, from the beginning")
    object_template = "admin/npanel/certificate.html"
    object_actions = (REMOVE_CERTIFICATE,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Certificate]:
        found = selectors.certificates(actor_from_request(request)).select_related(None)
        return found.prefetch_related("service__node")

    def tabs(self, request: HttpRequest, obj: Certificate) -> tuple[tuple[str, Any, int | None], ...]:
        return TABS_OF_A_PART

    def facts(self, request: HttpRequest, obj: Certificate, tab: str) -> dict[str, Any]:
        menu = [REMOVE_CERTIFICATE] if obj.service.is_live else []
        domains = list(obj.domains.order_by("name")[:200])
        trusted = bool(domains) and is_trusted(obj.chain_pem, domains[0].name)
        if tab == "operations":
            return {"menu": menu, "trusted": trusted, "operations": operations_of(obj.service)}
        return {"menu": menu, "trusted": trusted, "domains": domains}

    @admin.display(description=_("name"), ordering="name")
    def label(self, row: Certificate) -> str:
        more = f" +{len(row.names) - 1}" if len(row.names) > 1 else ""
        return f"{unicode_name(row.name)}{more}"

    @admin.display(description=_("service"))
    def service_name(self, row: Certificate) -> str:
        return cells.link(row.service)

    @admin.display(description=_("validity"))
    def validity(self, row: Certificate) -> str:
        return cells.badge(row.state.value, row.state.label)

    @admin.display(description=_("days left"), ordering="not_after")
    def num_days(self, row: Certificate) -> int:
        return row.days_left

    @admin.display(description=_("valid until"), ordering="not_after")
    def until(self, row: Certificate) -> str:
        return f"{row.not_after:%Y-%m-%d}"

    @admin.display(description=_("issued by"))
    def issued_by(self, row: Certificate) -> str:
        return row.issuer or cells.NOTHING

    @admin.display(description=_("source"))
    def kept_source(self, row: Certificate) -> str:
        return row.get_source_display()
