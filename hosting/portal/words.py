"""Operations in the words of somebody who runs a site and not a server: what is done, how it went, what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hosting.choices import OperationKind, OperationState
from hosting.models import Operation
from hosting.operations.present import ChangeView, plan_view
from hosting.templatetags.console import unicode_name
from hosting.troubles import trouble_of

#: What a change does, by kind of Resource and action; ``name`` is the domain, database or account it is about.
_SENTENCES = {
    ("system_user", "create"): gettext_lazy("Makes room for your files on the server."),
    ("system_user", "update"): gettext_lazy("Changes the settings of your account on the server."),
    ("system_user", "delete"): gettext_lazy("Takes your account off the server. Its files are kept aside."),
    ("document_root", "create"): gettext_lazy("Makes the folder for the files of %(name)s."),
    ("document_root", "update"): gettext_lazy("Sets the folder of %(name)s right."),
    ("document_root", "delete"): gettext_lazy("Takes the folder of %(name)s away. Its files are kept aside."),
    ("php_pool", "create"): gettext_lazy("Sets up PHP %(version)s."),
    ("php_pool", "update"): gettext_lazy("Changes the settings of PHP."),
    ("php_pool", "delete"): gettext_lazy("Takes PHP away."),
    ("virtual_host", "create"): gettext_lazy("Shows your site to visitors of %(name)s."),
    ("virtual_host", "update"): gettext_lazy("Changes how %(name)s answers."),
    ("virtual_host", "delete"): gettext_lazy("Stops showing a site at %(name)s."),
    ("tls_certificate", "create"): gettext_lazy("Puts the certificate of %(name)s on the server."),
    ("tls_certificate", "update"): gettext_lazy("Replaces the certificate of %(name)s."),
    ("tls_certificate", "delete"): gettext_lazy("Takes the certificate of %(name)s off the server."),
    ("mail_certificate", "create"): gettext_lazy("Shows the certificate to mail programs at %(name)s."),
    ("mail_certificate", "update"): gettext_lazy("Replaces the certificate that mail programs see at %(name)s."),
    ("mail_certificate", "delete"): gettext_lazy("Shows mail programs at %(name)s the server's own certificate again."),
    ("dns_zone", "create"): gettext_lazy("Publishes the DNS records of %(name)s."),
    ("dns_zone", "update"): gettext_lazy("Changes the DNS records of %(name)s."),
    ("dns_zone", "delete"): gettext_lazy("Stops publishing the DNS records of %(name)s."),
    ("database", "create"): gettext_lazy("Makes the database %(name)s."),
    ("database", "update"): gettext_lazy("Changes the settings of the database %(name)s."),
    ("database", "delete"): gettext_lazy("Removes the database %(name)s. A copy is kept aside."),
    ("database_user", "create"): gettext_lazy("Makes the database user %(name)s."),
    ("database_user", "update"): gettext_lazy("Changes the password or the rights of the database user %(name)s."),
    ("database_user", "delete"): gettext_lazy("Removes the database user %(name)s."),
    ("mail_domain", "create"): gettext_lazy("Turns mail on for %(name)s."),
    ("mail_domain", "update"): gettext_lazy("Changes how mail of %(name)s is handled."),
    ("mail_domain", "delete"): gettext_lazy("Turns mail off for %(name)s."),
    ("mailbox", "create"): gettext_lazy("Makes the mailbox %(name)s."),
    ("mailbox", "update"): gettext_lazy("Changes the mailbox %(name)s."),
    ("mailbox", "delete"): gettext_lazy("Removes the mailbox %(name)s. Its mail is kept aside."),
    ("mail_alias", "create"): gettext_lazy("Makes the address %(name)s."),
    ("mail_alias", "update"): gettext_lazy("Changes where mail to %(name)s goes."),
    ("mail_alias", "delete"): gettext_lazy("Removes the address %(name)s."),
    ("kept_data", "delete"): gettext_lazy("Removes for good what was kept."),
    ("final_archive", "create"): gettext_lazy("Writes a final archive and reads it back."),
    ("final_archive", "delete"): gettext_lazy("Removes the final archive."),
}
_TITLES = {
    OperationKind.CREATE: gettext_lazy("Set up %(name)s"),
    OperationKind.APPLY: gettext_lazy("Set %(name)s right"),
    OperationKind.SUSPEND: gettext_lazy("Suspend %(name)s"),
    OperationKind.RESUME: gettext_lazy("Resume %(name)s"),
    OperationKind.DELETE: gettext_lazy("Delete %(name)s"),
    OperationKind.PURGE: gettext_lazy("Remove for good what was kept of %(name)s"),
    OperationKind.REMOVE_ARCHIVE: gettext_lazy("Remove the final archive of %(name)s"),
    OperationKind.CHANGE_PHP: gettext_lazy("Change the PHP version"),
    OperationKind.ADD_DOMAIN: gettext_lazy("Add %(name)s"),
    OperationKind.REMOVE_DOMAIN: gettext_lazy("Remove %(name)s"),
    OperationKind.CHANGE_DNS: gettext_lazy("Change the DNS of %(name)s"),
    OperationKind.CHANGE_DNSSEC: gettext_lazy("Change DNSSEC of %(name)s"),
    OperationKind.ADD_DATABASE: gettext_lazy("Add the database %(name)s"),
    OperationKind.REMOVE_DATABASE: gettext_lazy("Delete the database %(name)s"),
    OperationKind.CHANGE_DATABASE_USER: gettext_lazy("Change the database user %(name)s"),
    OperationKind.ENABLE_MAIL: gettext_lazy("Turn mail on for %(name)s"),
    OperationKind.CHANGE_MAIL: gettext_lazy("Change mail of %(name)s"),
    OperationKind.DISABLE_MAIL: gettext_lazy("Turn mail off for %(name)s"),
    OperationKind.ADD_MAILBOX: gettext_lazy("Add the mailbox %(name)s"),
    OperationKind.CHANGE_MAILBOX: gettext_lazy("Change the mailbox %(name)s"),
    OperationKind.REMOVE_MAILBOX: gettext_lazy("Delete the mailbox %(name)s"),
    OperationKind.CHANGE_MAIL_ALIAS: gettext_lazy("Change the address %(name)s"),
    OperationKind.INSTALL_CERTIFICATE: gettext_lazy("Install a certificate for %(name)s"),
    OperationKind.REMOVE_CERTIFICATE: gettext_lazy("Remove the certificate of %(name)s"),
    OperationKind.CHANGE_HTTPS: gettext_lazy("Change HTTPS of %(name)s"),
    OperationKind.ADOPT: gettext_lazy("Take over what the server has"),
    OperationKind.REPAIR: gettext_lazy("Set %(name)s right"),
}
_OF_CERTIFICATES = (
    OperationKind.INSTALL_CERTIFICATE, OperationKind.REMOVE_CERTIFICATE, OperationKind.CHANGE_HTTPS,
)  # fmt: skip
#: Which Resource an operation is named after, the first of them that it is limited to.
_NAMED_BY = ("virtual_host", "database", "mailbox", "mail_alias", "mail_domain", "dns_zone", "database_user")


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A DNS record that comes or goes."""

    sign: str
    name: str
    type: str
    content: str


@dataclass(frozen=True, slots=True)
class Line:
    """One change in words.

    Args:
        change: the same in full. records: of a DNS zone, those that come and go.
    """

    text: str
    change: ChangeView
    records: tuple[RecordLine, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an operation ended.

    Args:
        tone: good, warn or bad. title: what happened. text: what is lost, which is nothing. next: what to do.
    """

    tone: str
    title: str
    text: str
    next: str


def title(operation: Operation) -> str:
    """The operation as a heading."""
    if operation.kind == OperationKind.ROLLBACK and operation.reverts is not None:
        if operation.reverts.kind == OperationKind.DELETE:
            return _("Restore %(name)s") % {"name": operation.target_label}
        return _("Undo: %(what)s") % {"what": title(operation.reverts)}
    template = _TITLES.get(OperationKind(operation.kind), gettext_lazy("Change %(name)s"))
    return str(template) % {"name": _subject(operation)}


def summary(operation: Operation) -> str:
    """The plan in one or two sentences."""
    if operation.plan is None:
        return _("Finding out what has to be done. This takes a moment.")
    many = len(operation.plan["changes"])
    if not many:
        return _("Nothing has to change: everything is as you want it.")
    if operation.is_final:
        return _count(operation, many)
    text = ngettext("One change.", "%(count)d changes.", many) % {"count": many}
    whole = operation.refs is None
    return text if whole else f"{text} " + _("Nothing else of yours is touched.")


def _count(operation: Operation, many: int) -> str:
    """The plan's size, looking back."""
    if operation.state == OperationState.SUCCEEDED:
        return ngettext("One change was made.", "%(count)d changes were made.", many) % {"count": many}
    return ngettext("One change was planned.", "%(count)d changes were planned.", many) % {"count": many}


def lines(operation: Operation) -> list[Line]:
    """The plan's changes in words, in their order."""
    raw = {(change["kind"], change["key"]): change for change in (operation.plan or {}).get("changes", ())}
    views = [view for group in plan_view(operation).groups for view in group.changes]
    return [Line(_sentence(view, raw[view.kind, view.key]), view, _records(raw[view.kind, view.key])) for view in views]


def ending(operation: Operation) -> Ending | None:
    """How it ended, or None while it has not."""
    match operation.state:
        case OperationState.SUCCEEDED:
            return Ending("good", _("Done."), _checked(operation), "")
        case OperationState.CANCELLED:
            expired = (operation.error or {}).get("code") == "intent_expired"
            what = _("Nobody confirmed it in time, so it was given up.") if expired else _("Cancelled.")
            return Ending("neutral", what, _("Nothing was changed."), "")
        case OperationState.FAILED:
            kept = _("Nothing was changed and nothing was lost. What you wanted is kept.")
            return Ending("bad", trouble(operation), kept, _again(operation))
        case OperationState.ROLLED_BACK:
            kept = _("Everything was put back as it was before, and nothing was lost. What you wanted is kept.")
            return Ending("warn", trouble(operation), kept, _again(operation))
        case OperationState.ROLLBACK_FAILED:
            kept = _("Putting everything back did not work either, so we stopped there. Nothing more is done for now.")
            return Ending("bad", trouble(operation), kept, _("Please tell your provider, and quote the number below."))
    return None


def trouble(operation: Operation) -> str:
    """What went wrong, in one sentence; "" when nothing did."""
    return trouble_of(operation.error)


def place(operation: Operation) -> tuple[str, str]:
    """Where the outcome can be seen: an address and what the link says."""
    service = operation.service
    if service is None:
        return reverse("portal:home"), _("Overview")
    name = _ref(operation, "dns_zone") or _ref(operation, "virtual_host")
    domain = service.domains.filter(name=name).first() if name else None
    origin = operation.reverts or operation
    if origin.kind == OperationKind.CHANGE_DNSSEC and domain is not None:
        return reverse("portal:dnssec", args=(domain.pk,)), _("DNSSEC of %(name)s") % {
            "name": unicode_name(domain.name)
        }
    if origin.kind in _OF_CERTIFICATES and domain is not None:
        return reverse("portal:domain_certificate", args=(domain.pk,)), unicode_name(domain.name)
    if origin.kind == OperationKind.CHANGE_DNS and domain is not None:
        return reverse("portal:dns", args=(domain.pk,)), _("DNS of %(name)s") % {"name": unicode_name(domain.name)}
    if domain is not None:
        return reverse("portal:domain", args=(domain.pk,)), unicode_name(domain.name)
    if any(_ref(operation, kind) for kind in ("database", "database_user")):
        return reverse("portal:databases"), _("Databases")
    if name:
        return reverse("portal:domains"), _("Domains")
    return reverse("portal:service", args=(service.pk,)), service.username


def _subject(operation: Operation) -> str:
    names = [_ref(operation, kind) for kind in _NAMED_BY]
    return next((unicode_name(name) for name in names if name), operation.target_label)


def _ref(operation: Operation, kind: str) -> str:
    """The key of the first Resource of a kind that the operation is limited to; an account without its localhost."""
    found = (ref.partition(":")[2] for ref in operation.refs or () if ref.startswith(f"{kind}:"))
    return next(found, "").removesuffix("@localhost")


def _sentence(view: ChangeView, change: Mapping[str, Any]) -> str:
    before, after = change["before"] or {}, change["after"] or {}
    if view.kind == "php_pool" and before and after and before["version"] != after["version"]:
        return _("Switches from PHP %(old)s to PHP %(new)s.") % {"old": before["version"], "new": after["version"]}
    if view.kind == "virtual_host" and before and after and before.get("suspended") != after.get("suspended"):
        known = after.get("suspended")
        words = _("Shows a “suspended” page at %(name)s.") if known else _("Shows your site at %(name)s again.")
        return words % {"name": unicode_name(view.key)}
    template = _SENTENCES.get((view.kind, view.action))
    if template is None:
        return f"{view.kind_label} {view.key}"
    return str(template) % {"name": _name_in(view), "version": (after or before).get("version", "")}


def _name_in(view: ChangeView) -> str:
    """What people call the thing: a folder ``anna/sites/anna.example/public`` is that of ``anna.example``."""
    if view.kind == "document_root":
        parts = view.key.split("/")
        return unicode_name(parts[-2] if len(parts) > 1 else view.key)
    return unicode_name(view.key.removesuffix("@localhost"))


def _records(change: Mapping[str, Any]) -> tuple[RecordLine, ...]:
    if change["kind"] != "dns_zone" or change["action"] != "update":
        return ()
    zone = str((change["after"] or change["before"])["name"])
    before, after = (_record_set(change[side]) for side in ("before", "after"))
    gone = [_record_line("−", row, zone) for row in sorted(before - after)]
    return (*gone, *(_record_line("+", row, zone) for row in sorted(after - before)))


def _record_set(zone: Mapping[str, Any] | None) -> set[tuple[str, str, str]]:
    return {(row["name"], row["type"], row["content"]) for row in (zone or {}).get("records", ())}


def _record_line(sign: str, row: tuple[str, str, str], zone: str) -> RecordLine:
    name, kind, content = row
    return RecordLine(sign, "@" if name == zone else name.removesuffix(f".{zone}"), kind, content)


def _checked(operation: Operation) -> str:
    if not (operation.plan or {}).get("changes"):
        return _("Nothing had to change.")
    probes = operation.result.get("probes", ())
    return _("It was tried out as a visitor would, and it works.") if probes else ""


def _again(operation: Operation) -> str:
    return _(
        "Try again; often that is enough. If it fails again, tell your provider and quote the number below. "
        "Or give the change up."
    )
