"""Automatic certificates on a domain's page: asked for, renewed, revoked."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from hosting.admin.forms import AskForm
from hosting.admin.pages import Action
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Domain, Operation
from hosting.operations.acme_account import is_configured
from hosting.services import auto_certificates
from hosting.texts import N_
from hosting.translated import translated


class IssueForm(AskForm):
    """For which names."""

    wildcard = forms.BooleanField(
        label=_("For all names below the domain too"), required=False,
        help_text=_("Proven by a record in its DNS zone, which has to be here."),
    )  # fmt: skip


def _issue(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return auto_certificates.issue_certificate(actor=actor, domain=domain, **data)


def _renew(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return auto_certificates.renew_certificate(actor=actor, auto=_auto_of(domain), **data)


def _revoke(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return auto_certificates.revoke_certificate(actor=actor, auto=_auto_of(domain), **data)


ISSUE_CERTIFICATE = Action(
    "issue-certificate", _("Get a certificate"), _("Get it"), _issue, IssueForm, plans=False, icon="lock",
    note=_("The certificate authority is asked at once. The domain has to point to its node."),
)  # fmt: skip
RENEW_CERTIFICATE = Action(
    "renew-certificate", _("Renew certificate"), _("Renew it now"), _renew, plans=False, icon="rotate-cw",
    note=_("It is renewed by itself in time. The old one stays until the new one is there."),
)  # fmt: skip
REVOKE_CERTIFICATE = Action(
    "revoke-certificate", _("Revoke certificate"), _("Revoke it"), _revoke, plans=False, danger=True, icon="trash-2",
    note=_("The authority declares it void for good. The site answers without HTTPS from then on."),
)  # fmt: skip
AUTO_ACTIONS = (ISSUE_CERTIFICATE, RENEW_CERTIFICATE, REVOKE_CERTIFICATE)


def auto_menu(domain: Domain) -> list[Action]:
    """What can be done about a domain's automatic certificate now."""
    if not is_configured():
        return []
    known = AutoCertificate.objects.filter(domain=domain).exists()
    return list(AUTO_ACTIONS) if known and domain.certificate_id else [ISSUE_CERTIFICATE]


def auto_facts(domain: Domain) -> dict[str, Any]:
    """How it goes with a domain's automatic certificate, for its page."""
    auto = AutoCertificate.objects.filter(domain=domain).first() if is_configured() else None
    trouble = translated(auto.error)[0] if auto is not None and auto.error else ""
    return {"auto": auto, "auto_trouble": trouble}


def _auto_of(domain: Domain) -> AutoCertificate:
    found = AutoCertificate.objects.filter(domain=domain).select_related("domain__service").first()
    if found is None:
        raise HostingError(
            N_("%(name)s has no automatic certificate.", name=domain.name), code="acme_none", hint=N_("Get one first.")
        )
    return found
