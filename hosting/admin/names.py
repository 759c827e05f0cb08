"""Domains and their DNS records."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.auto_certificates import AUTO_ACTIONS, auto_facts, auto_menu
from hosting.admin.certificates import CHANGE_HTTPS, UPLOAD_CERTIFICATE
from hosting.admin.filters import DomainScope, ServiceScope
from hosting.admin.forms import AskForm, NoQuestion, RecordChangeForm, RecordForm
from hosting.admin.operations import TABS_OF_A_PART, operations_of
from hosting.admin.pages import READS, Action, ObjectAdmin
from hosting.admin.record_templates import USE as USE_TEMPLATE
from hosting.desired import kept_records
from hosting.desired.mail_records import mail_of
from hosting.models import (
    DnsRecord,
    Domain,
    MailDomain,
    MailLookup,
    Operation,
)
from hosting.services import (
    dns,
    dnssec,
    mail,
    mail_lookups,
    sites,
    zone_edits,
)
from hosting.validators import RECORD_TYPES
from hosting.zone_forms import ZoneFileFields, text_field, zone_download

#: Records shown on a domain's page; a plan rarely allows more.
SHOWN = 200


class ZoneTextForm(AskForm):
    """All records of a zone as lines."""

    text = text_field(20, label=_("Records"), required=False, help_text=_("Name, TTL, IN, type, content."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound and self.subject.has_zone:
            self.initial["text"] = zone_edits.records_as_text(self.subject)


class UnsignForm(AskForm):
    """Whether to go on against advice."""

    although_published = forms.BooleanField(
        label=_("Even if there is a DS record"), required=False,
        help_text=_("With one left, whoever checks signatures does not find the domain any more."),
    )  # fmt: skip


class ZoneFileForm(ZoneFileFields, AskForm):
    """A zone file."""


def _add_record(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return dns.add_record(actor=actor, domain=domain, **data)


def _change_record(actor: Actor, record: DnsRecord, data: dict[str, Any]) -> Operation:
    return dns.change_record(actor=actor, record=record, **data)


def _delete_record(actor: Actor, record: DnsRecord, data: dict[str, Any]) -> Operation:
    return dns.delete_record(actor=actor, record=record, **data)


def _remove_domain(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return sites.remove_domain(actor=actor, domain=domain, **data)


def _import_zone(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return zone_edits.import_zone_file(actor=actor, domain=domain, **data)


def _sign(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return dnssec.sign_zone(actor=actor, domain=domain, **data)


def _unsign(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return dnssec.unsign_zone(actor=actor, domain=domain, **data)


def _check_mail(actor: Actor, domain: Domain, data: dict[str, Any]) -> MailLookup:
    return mail_lookups.check_mail(actor=actor, mail=MailDomain.objects.get(domain=domain))


def _enable_mail(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return mail.enable_mail(actor=actor, domain=domain, **data)


def _look(domain: Domain, data: dict[str, Any]) -> zone_edits.Look:
    return zone_edits.look_at_import(
        domain=domain, text=data["text"], keep_others=data.get("keep_others", False)
    )  # fmt: skip


ADD_RECORD = Action("add-record", _("Add DNS record"), _("Plan the record"), _add_record, RecordForm, icon="plus")
REMOVE_DOMAIN = Action(
    "remove", _("Remove domain"), _("Plan the removal"), _remove_domain, at_once=False, danger=True, icon="trash-2",
    note=_("The site is no longer answered for. Its files are kept aside on the node, so it can be rolled back."),
)  # fmt: skip
CHANGE_RECORD = Action(
    "edit", _("Change DNS record"), _("Plan the change"), _change_record, RecordChangeForm, icon="pencil"
)
DELETE_RECORD = Action(
    "remove", _("Delete DNS record"), _("Plan the deletion"), _delete_record, danger=True, icon="trash-2"
)
EDIT_ZONE = Action(
    "edit-zone", _("Edit records as text"), _("Plan the changes"), _import_zone, ZoneTextForm, icon="pencil",
    template="admin/npanel/zone_text.html", look=_look, note=_("A line for each record; all of it is one operation."),
)  # fmt: skip
IMPORT_ZONE = Action(
    "import-zone", _("Import a zone file"), _("Plan the import"), _import_zone, ZoneFileForm, icon="scroll-text",
    template="admin/npanel/zone_text.html", look=_look,
    note=_("SOA and name servers stay the node's own; $INCLUDE is refused."),
)  # fmt: skip
SIGN_ZONE = Action(
    "sign-zone", _("Switch DNSSEC on"), _("Plan the signing"), _sign, icon="shield-check",
    note=_("The zone is signed with a key of its own; others check it once its DS record is with the registrar."),
)  # fmt: skip
UNSIGN_ZONE = Action(
    "unsign-zone", _("Switch DNSSEC off"), _("Plan the end of signing"), _unsign, UnsignForm, danger=True,
    icon="shield-check", note=_("Refused while the zone above has a DS record: nobody would find the domain."),
)  # fmt: skip

CHECK_MAIL = Action(
    "check-mail", _("Check mail"), _("Check now"), _check_mail, NoQuestion, plans=False, icon="shield-check",
    note=_("Looks at its mail as other servers do: records, signature, names, encryption."),
)  # fmt: skip
ENABLE_MAIL = Action(
    "enable-mail", _("Turn mail on"), _("Plan the mail domain"), _enable_mail, icon="mail",
    note=_("With a key that signs, and the DNS records that mail needs; the customer's own records stay."),
)  # fmt: skip


@admin.register(Domain)
class DomainAdmin(ObjectAdmin):
    """Domains."""

    list_display = ("host_name", "main", "service_name", "zone", "created")
    list_display_links = ("host_name",)
    list_filter = ("is_primary", "has_zone", ServiceScope)
    search_fields = ("name__startswith",)
    search_help_text = _("Host name, from the beginning")
    object_template = "admin/npanel/domain.html"
    object_actions = (
        *AUTO_ACTIONS,
        ADD_RECORD,
        EDIT_ZONE,
        IMPORT_ZONE,
        USE_TEMPLATE,
        SIGN_ZONE,
        UNSIGN_ZONE,
        UPLOAD_CERTIFICATE,
        CHANGE_HTTPS,
        ENABLE_MAIL,
        CHECK_MAIL,
        REMOVE_DOMAIN,
    )

    def get_urls(self) -> list[URLPattern]:
        """The zone as a file besides the pages."""
        export = path("<path:object_id>/export-zone/", self.admin_site.admin_view(self.export_zone),
                      name="hosting_domain_export-zone")  # fmt: skip
        return [export, *super().get_urls()]

    def export_zone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The whole zone as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        domain = self.find(request, object_id)
        if not domain.has_zone:
            raise Http404
        return zone_download(domain)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        domains = selectors.domains(actor_from_request(request))
        domains = domains.select_related(None).select_related("certificate").defer("certificate__private_key_sealed")
        return domains.prefetch_related("service__customer", "service__node")

    def tabs(self, request: HttpRequest, obj: Domain) -> tuple[tuple[str, Any, int | None], ...]:
        return TABS_OF_A_PART

    def facts(self, request: HttpRequest, obj: Domain, tab: str) -> dict[str, Any]:
        records = obj.records.order_by("name", "type", "id")
        signing = UNSIGN_ZONE if obj.dnssec else SIGN_ZONE
        menu = [EDIT_ZONE, IMPORT_ZONE, USE_TEMPLATE, signing] if obj.service.is_live and obj.has_zone else []
        menu += [UPLOAD_CERTIFICATE] if obj.service.is_live else []
        menu += auto_menu(obj) if obj.service.is_live else []
        menu += [CHANGE_HTTPS] if obj.service.is_live and obj.certificate_id else []
        found = mail_of(obj)
        menu += [ENABLE_MAIL if found is None else CHECK_MAIL] if obj.service.is_live else []
        menu += [REMOVE_DOMAIN] if obj.service.is_live and not obj.is_primary else []
        shown: dict[str, Any] = {"menu": menu, "live": obj.service.is_live, "ds": dnssec.ds_records(obj), "mail": found}
        shown |= auto_facts(obj)
        if tab == "operations":
            return {**shown, "operations": operations_of(obj.service)}
        shown["last_change"] = zone_edits.last_change(obj) if obj.has_zone and obj.service.is_live else None
        return {**shown, "records": records[:SHOWN], "record_count": records.count(), "kept": kept_records(obj)}

    @admin.display(description=_("name"), ordering="name")
    def host_name(self, domain: Domain) -> str:
        return cells.host(domain.name)

    @admin.display(description=_("main domain"))
    def main(self, domain: Domain) -> str:
        return cells.yes(domain.is_primary, _("Main"))

    @admin.display(description=_("service"))
    def service_name(self, domain: Domain) -> str:
        return cells.link(domain.service)

    @admin.display(description=_("DNS zone"))
    def zone(self, domain: Domain) -> str:
        return str(_("Own zone")) if domain.has_zone else str(_("In the zone above"))

    @admin.display(description=_("created"), ordering="id")
    def created(self, domain: Domain) -> str:
        return cells.when(domain.created_at)


class TypeFilter(admin.SimpleListFilter):
    """Records of one type."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in RECORD_TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DnsRecord]) -> QuerySet[DnsRecord]:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(DnsRecord)
class DnsRecordAdmin(ObjectAdmin):
    """DNS records."""

    list_display = ("record_name", "record_type", "shown_content", "num_ttl", "zone")
    list_display_links = ("record_name",)
    list_filter = (TypeFilter, DomainScope)
    search_fields = ("domain__name__startswith", "name__startswith")
    ordering = ("domain_id", "name", "type")
    search_help_text = _("Domain or record name, from the beginning")
    object_template = "admin/npanel/record.html"
    object_actions = (CHANGE_RECORD, DELETE_RECORD)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DnsRecord]:
        records = selectors.dns_records(actor_from_request(request))
        return records.select_related(None).prefetch_related("domain__service")

    def facts(self, request: HttpRequest, obj: DnsRecord, tab: str) -> dict[str, Any]:
        live = obj.domain.service.is_live and OperatorPolicy(request.user).may_act
        return {"menu": [DELETE_RECORD] if live else [], "live": live}

    @admin.display(description=_("name"), ordering="name")
    def record_name(self, record: DnsRecord) -> str:
        return record.name

    @admin.display(description=_("type"))
    def record_type(self, record: DnsRecord) -> str:
        return record.type

    @admin.display(description=_("content"))
    def shown_content(self, record: DnsRecord) -> str:
        return record.content

    @admin.display(description=_("TTL"))
    def num_ttl(self, record: DnsRecord) -> int:
        return record.ttl

    @admin.display(description=_("domain"))
    def zone(self, record: DnsRecord) -> str:
        return cells.link(record.domain, cells.host(record.domain.name))
