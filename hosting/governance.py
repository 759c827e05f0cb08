"""What may spoil how much: risk, reversibility and impacted subsystems of every kind of operation, in one place.

Pure tables and functions. A plan may raise what its kind declares, never lower it. High risk or irreversible means
*governed*: nothing of it is carried out before the person who asked has confirmed it (OPERATIONS §2).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from hosting.choices import OperationKind, Reversibility, Risk

#: Subsystems by name, as people read them.
SUBSYSTEMS = {
    "web": _("Web sites"),
    "php": _("PHP"),
    "dns": _("DNS"),
    "databases": _("Databases"),
    "mail": _("Mail"),
    "files": _("Files"),
    "accounts": _("Linux user and sign-ins"),
    "node": _("The node itself"),
    "kept": _("Data kept for a restore"),
    "archive": _("Final archive"),
}
#: To which subsystem a kind of Resource belongs (a plug-in's: its own name).
_SUBSYSTEM_OF = {
    "virtual_host": "web",
    "tls_certificate": "web",
    "php_pool": "php",
    "dns_zone": "dns",
    "database": "databases",
    "database_user": "databases",
    "mail_domain": "mail",
    "mailbox": "mail",
    "mail_alias": "mail",
    "mail_certificate": "mail",
    "document_root": "files",
    "system_user": "accounts",
    "package": "node",
    "node_file": "node",
    "node_link": "node",
    "daemon_unit": "node",
    "kept_data": "kept",
    "final_archive": "archive",
}
#: Removing these takes a whole customer, or a daemon of everybody's, away.
_HIGH = frozenset({"system_user", "package", "kept_data"})
#: Removing these takes data away; it is kept aside on the node, from where it is restored.
_HOLDS_DATA = frozenset({"system_user", "document_root", "database", "mailbox"})
#: Removing these removes what a restore would need.
_FOR_GOOD = frozenset({"kept_data", "final_archive"})

_RISKS = list(Risk)
_REVERSIBILITIES = list(Reversibility)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an operation risks, and what it touches (names of subsystems)."""

    risk: Risk
    reversibility: Reversibility
    impacted: tuple[str, ...]

    @property
    def governed(self) -> bool:
        """Whether it has to be confirmed."""
        return self.risk == Risk.HIGH or self.reversibility == Reversibility.IRREVERSIBLE

    @property
    def impacted_labels(self) -> list[str]:
        """The subsystems as people read them."""
        return subsystem_labels(self.impacted)


_LOW, _MEDIUM, _HIGH_RISK = Risk.LOW, Risk.MEDIUM, Risk.HIGH
_BACK, _RESTORE, _NEVER = Reversibility.REVERSIBLE, Reversibility.REQUIRES_RESTORE, Reversibility.IRREVERSIBLE
_ALL = ("web", "php", "dns", "databases", "mail", "files", "accounts")

#: What each kind declares, whatever its plan says.
DECLARED: dict[OperationKind, Assessment] = {
    OperationKind.CREATE: Assessment(_LOW, _BACK, ("web", "php", "dns", "files", "accounts")),
    OperationKind.APPLY: Assessment(_LOW, _BACK, ()),
    OperationKind.SUSPEND: Assessment(_MEDIUM, _BACK, ("web", "databases", "mail", "accounts")),
    OperationKind.RESUME: Assessment(_LOW, _BACK, ("web", "databases", "mail", "accounts")),
    OperationKind.DELETE: Assessment(_HIGH_RISK, _RESTORE, _ALL),
    OperationKind.PURGE: Assessment(_HIGH_RISK, _NEVER, ("kept", "archive")),
    OperationKind.REMOVE_ARCHIVE: Assessment(_HIGH_RISK, _NEVER, ("archive",)),
    OperationKind.CHANGE_PHP: Assessment(_MEDIUM, _BACK, ("php",)),
    OperationKind.ADD_DOMAIN: Assessment(_LOW, _BACK, ("web", "dns", "files")),
    OperationKind.REMOVE_DOMAIN: Assessment(_MEDIUM, _RESTORE, ("web", "dns", "files")),
    OperationKind.CHANGE_DNS: Assessment(_MEDIUM, _BACK, ("dns",)),
    OperationKind.CHANGE_DNSSEC: Assessment(_MEDIUM, _BACK, ("dns",)),
    OperationKind.ADD_DATABASE: Assessment(_LOW, _BACK, ("databases",)),
    OperationKind.REMOVE_DATABASE: Assessment(_MEDIUM, _RESTORE, ("databases",)),
    OperationKind.CHANGE_DATABASE_USER: Assessment(_MEDIUM, _BACK, ("databases",)),
    OperationKind.ENABLE_MAIL: Assessment(_LOW, _BACK, ("mail", "dns")),
    OperationKind.CHANGE_MAIL: Assessment(_MEDIUM, _BACK, ("mail", "dns")),
    OperationKind.DISABLE_MAIL: Assessment(_MEDIUM, _RESTORE, ("mail", "dns")),
    OperationKind.ADD_MAILBOX: Assessment(_LOW, _BACK, ("mail",)),
    OperationKind.CHANGE_MAILBOX: Assessment(_MEDIUM, _BACK, ("mail",)),
    OperationKind.REMOVE_MAILBOX: Assessment(_MEDIUM, _RESTORE, ("mail",)),
    OperationKind.CHANGE_MAIL_ALIAS: Assessment(_MEDIUM, _BACK, ("mail",)),
    OperationKind.INSTALL_CERTIFICATE: Assessment(_LOW, _BACK, ("web",)),
    OperationKind.REMOVE_CERTIFICATE: Assessment(_MEDIUM, _BACK, ("web",)),
    OperationKind.CHANGE_HTTPS: Assessment(_MEDIUM, _BACK, ("web",)),
    OperationKind.BOOTSTRAP: Assessment(_MEDIUM, _BACK, ("node",)),
    OperationKind.REPAIR: Assessment(_LOW, _BACK, ()),
    OperationKind.ADOPT: Assessment(_LOW, _BACK, ()),
    OperationKind.ROLLBACK: Assessment(_LOW, _BACK, ()),
}


def is_governed(kind: str) -> bool:
    """Whether a kind has to be confirmed whatever its plan says."""
    return DECLARED[OperationKind(kind)].governed


def is_irreversible(kind: str) -> bool:
    """Whether what a kind of operation did can never be taken back."""
    return DECLARED[OperationKind(kind)].reversibility == Reversibility.IRREVERSIBLE


def assess(kind: str, changes: Iterable[Mapping[str, Any]]) -> Assessment:
    """What an operation risks with this plan (changes as JSON: ``action``, ``kind``, ``key``…).

    An adoption changes no node, so its plan raises nothing.
    """
    declared = DECLARED[OperationKind(kind)]
    found = list(changes)
    if kind == OperationKind.ADOPT:
        return declared
    removed = {change["kind"] for change in found if change["action"] == "delete"}
    risk = max(declared.risk, _risk(found, removed), key=_RISKS.index)
    back = max(declared.reversibility, _reversibility(removed), key=_REVERSIBILITIES.index)
    touched = dict.fromkeys(_SUBSYSTEM_OF.get(change["kind"], change["kind"]) for change in found)
    return Assessment(risk, back, tuple(touched) or declared.impacted)


def _risk(changes: Sequence[Mapping[str, Any]], removed: set[str]) -> Risk:
    if removed & _HIGH:
        return Risk.HIGH
    return Risk.MEDIUM if any(change["action"] != "create" for change in changes) else Risk.LOW


def _reversibility(removed: set[str]) -> Reversibility:
    if removed & _FOR_GOOD:
        return Reversibility.IRREVERSIBLE
    return Reversibility.REQUIRES_RESTORE if removed & _HOLDS_DATA else Reversibility.REVERSIBLE


def subsystem_labels(names: Iterable[str]) -> list[str]:
    """Names of subsystems as people read them."""
    return [str(SUBSYSTEMS.get(name, name.replace("_", " ").capitalize())) for name in names]
