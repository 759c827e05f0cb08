"""Email: the domains, and one domain's mailboxes, other addresses, delivery and settings for mail programs."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Model, QuerySet, prefetch_related_objects
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.choices import DkimState
from hosting.desired.mail_records import mail_of
from hosting.mail_forms import CatchAllFields, DeliveryFields
from hosting.models import Domain, MailAlias, Mailbox, MailDomain
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.choosing import LIVE, able_to
from hosting.portal.deleted import deleted_among
from hosting.portal.forms import NameAgain, NoQuestion, PortalForm
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page, rows_by_name
from hosting.portal.usage import Usage
from hosting.services.mail import OVERLAP
from hosting.services.mail_state import dns_parts, is_delivered_here, server_name

TRAIL = _("Email")
ENABLE = Ask(
    "mail_domain.enable", _("Turn mail on"), _("See what is set up"),
    _("Your domain gets a mail server, a key that signs what you send, and the DNS records that mail needs. "
      "Records of your own stay as they are."), at_once=True,
)  # fmt: skip
CATCH_ALL = Ask(
    "mail_domain.change", _("Mail to other addresses"), _("See what changes"),
    _("What becomes of mail to addresses that do not exist."), at_once=True,
)  # fmt: skip
DELIVERY = Ask(
    "mail_domain.change", _("Where mail is delivered"), _("See what changes"),
    _("If another provider takes your mail, nothing is delivered here, and only the key that signs stays in DNS. "
      "Mailboxes keep what they hold, and may go on sending."), at_once=True,
)  # fmt: skip
ROTATE = Ask(
    "mail_domain.rotate_dkim", _("Sign with a new key"), _("See what changes"),
    _("What you send from then on is signed with a new key. The old one stays published for a week, so that letters "
      "on their way are still believed."), at_once=True,
)  # fmt: skip
DISABLE = Ask(
    "mail_domain.disable", _("Turn mail off"), _("See what is removed"),
    _("All mailboxes and addresses of this domain go, and nobody can write to it. Mail is kept aside, so it can be "
      "undone for a while."), danger=True,
)  # fmt: skip
#: The pages of one domain's mail.
_TABS = (
    ("mail_domain", _("Mailboxes"), "mail"),
    ("mail_addresses", _("Other addresses"), "at-sign"),
    ("mail_delivery", _("Delivery and DNS"), "list"),
    ("mail_programs", _("Mail programs"), "monitor"),
)
#: What mail programs ask for: purpose, protocol, port and encryption.
_PORTS = (
    (_("Reading"), "IMAP", "993", "TLS (SSL/TLS)"),
    (_("Reading, older programs"), "POP3", "995", "TLS (SSL/TLS)"),
    (_("Sending"), "SMTP", "465", "TLS (SSL/TLS)"),
    (_("Sending, if 465 is not offered"), "SMTP", "587", "STARTTLS"),
    (_("Filters"), "ManageSieve", "4190", "STARTTLS"),
)


class CatchAllForm(CatchAllFields, PortalForm):
    """One address, or none."""

    aliases = {"bad_address": "catch_all"}


class DeliveryForm(DeliveryFields, PortalForm):
    """Here or elsewhere."""


@portal
def domains(request: PortalRequest) -> HttpResponse:
    """All domains, with what of mail each has."""
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    found = rows_by_name(rows.select_related("service__node", "service__customer", "mail"), request)
    live = {row.service_id: row.service for row in found.rows if row.service.state in LIVE}
    able = {service.pk for service in able_to(request, ENABLE.use, live.values())}
    context = {"rows": found, "items": _items(found.rows, able)}
    return page(request, "portal/mail.html", context, section="mail")


@portal
def mailboxes(request: PortalRequest, pk: int) -> HttpResponse:
    """The mailboxes of a domain, perhaps those with a part of a name."""
    row = mail_domain(request, pk)
    boxes, part = _named(row.mailboxes.select_related("autoreply"), request)
    used = Mailbox.objects.filter(mail__domain__service=row.service).count()
    usage = Usage(_("Mailboxes of this service"), used, row.service.plan.mailboxes)
    return _tab(request, row, "mail_domain", {"rows": boxes, "part": part, "usage": [usage]})


@portal
def addresses(request: PortalRequest, pk: int) -> HttpResponse:
    """Aliases and forwarders of a domain, and where the rest goes."""
    row = mail_domain(request, pk)
    aliases, part = _named(row.aliases.all(), request)
    return _tab(request, row, "mail_addresses", {"rows": aliases, "part": part})


@portal
def delivery(request: PortalRequest, pk: int) -> HttpResponse:
    """Where mail is delivered, what DNS says of it, and the keys that sign."""
    row = mail_domain(request, pk)
    parts = dns_parts(row)
    context = {
        "here": is_delivered_here(row),
        "parts": parts,
        "own_mx": any(part.name == "mx" and part.keeper == "own" for part in parts),
        "keys": row.dkim_keys.order_by("-created_at", "-id"),
        "active": DkimState.ACTIVE,
        "days": OVERLAP.days,
        "node_addresses": row.service.node.public_addresses or [row.service.node.address],
    }
    return _tab(request, row, "mail_delivery", context)


@portal
def programs(request: PortalRequest, pk: int) -> HttpResponse:
    """What a mail program asks for."""
    row = mail_domain(request, pk)
    example = row.mailboxes.order_by("local_part").first()
    return _tab(request, row, "mail_programs", {"server": server_name(row), "example": example, "ports": _PORTS})


@portal
def enable(request: PortalRequest, pk: int) -> HttpResponse:
    """Turn mail on for a domain."""
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    row = find(rows.select_related("service__node", "service__customer", "service__plan"), pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    back = reverse("portal:mail")
    return ask(request, ENABLE, row, form, back=back, section="mail", about=row.name, trail=TRAIL)


@portal
def catch_all(request: PortalRequest, pk: int) -> HttpResponse:
    """Where mail to addresses that do not exist goes."""
    row = mail_domain(request, pk)
    form = CatchAllForm(request.POST if request.method == "POST" else None, initial=CatchAllForm.of(row))
    return _change(request, CATCH_ALL, row, form, "mail_addresses")


@portal
def deliver(request: PortalRequest, pk: int) -> HttpResponse:
    """Whether another server takes the domain's mail."""
    row = mail_domain(request, pk)
    form = DeliveryForm(request.POST if request.method == "POST" else None, initial=DeliveryForm.of(row))
    return _change(request, DELIVERY, row, form, "mail_delivery")


@portal
def rotate(request: PortalRequest, pk: int) -> HttpResponse:
    """Sign with a new key."""
    row = mail_domain(request, pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return _change(request, ROTATE, row, form, "mail_delivery")


@portal
def disable(request: PortalRequest, pk: int) -> HttpResponse:
    """Turn mail off, once the domain's name is typed."""
    row = mail_domain(request, pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=str(row))
    return _change(request, DISABLE, row, form, "mail_delivery")


def mail_domain(request: PortalRequest, pk: int) -> MailDomain:
    """The mail of a domain that the actor may see."""
    rows = selectors.mail_domains(request.actor).filter(domain__name_key__isnull=False)
    service = "domain__service__"
    return find(rows.select_related(f"{service}node", f"{service}customer", f"{service}plan"), pk)


def _change(request: PortalRequest, question: Ask, row: MailDomain, form: PortalForm, tab: str) -> HttpResponse:
    back = reverse(f"portal:{tab}", args=(row.pk,))
    return ask(request, question, row, form, back=back, section="mail", about=str(row))


def _tab(request: PortalRequest, row: MailDomain, tab: str, context: dict[str, Any]) -> HttpResponse:
    service = row.service
    shown = {
        "object": row,
        "tabs": [(reverse(f"portal:{name}", args=(row.pk,)), label, icon, name == tab) for name, label, icon in _TABS],
        "may": allowed(request, row, "mail_domain.change")["mail_domain_change"],  # who may this may all of mail
        "current": waiting(selectors.operations(request.actor), service),
        "suspended": [service] if service.is_suspended else [],
        "deleted": deleted_among(request, [service]),
    }
    return page(request, f"portal/{tab}.html", {**shown, **context}, section="mail")


def _named(rows: QuerySet[Any], request: PortalRequest) -> tuple[Any, str]:
    """A page of addresses, those with a part of a name where one is looked for; and that part."""
    part = request.GET.get("q", "").strip()[:100]
    name = part.partition("@")[0].lower()  # as it is stored: not every database ignores case
    return rows_by_name(rows.filter(local_part__contains=name) if name else rows, request, "local_part"), part


def _items(rows: Iterable[Domain], able: set[int]) -> list[dict[str, Any]]:
    """Domains with how many addresses each has, and whether mail comes here."""
    found = [(row, mail_of(row)) for row in rows]
    prefetch_related_objects([row for row, mail in found if mail is not None], "records")
    boxes, aliases = (_counted(model, [mail for _row, mail in found if mail]) for model in (Mailbox, MailAlias))
    return [
        {
            "domain": row,
            "mail": mail,
            "here": mail is not None and is_delivered_here(mail),
            "mailboxes": boxes.get(mail.pk, 0) if mail else 0,
            "aliases": aliases.get(mail.pk, 0) if mail else 0,
            "may": row.service_id in able,
        }
        for row, mail in found
    ]


def _counted(model: type[Model], mails: list[MailDomain]) -> dict[int, int]:
    found = model._default_manager.filter(mail__in=[mail.pk for mail in mails]).order_by().values_list("mail")
    return dict(found.annotate(many=Count("pk")))
