"""The entries of the portal's top navigation, for customers' people and for resellers."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.choices import Role

_FOR_CUSTOMERS = (
    ("home", _("Overview"), "house"),
    ("domains", _("Domains"), "globe"),
    ("mail", _("Email"), "mail"),
    ("databases", _("Databases"), "database"),
    ("activity", _("Activity"), "activity"),
    ("people", _("People"), "users"),
)
_FOR_RESELLERS = (
    ("home", _("Overview"), "house"),
    ("customers", _("Customers"), "users"),
    ("services", _("Services"), "box"),
    ("plans", _("Plans"), "layers"),
    ("domains", _("Domains"), "globe"),
    ("mail", _("Email"), "mail"),
    ("databases", _("Databases"), "database"),
    ("activity", _("Activity"), "activity"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation."""

    url: str
    label: Any
    icon: str
    current: bool


def navigation(role: str, section: str = "", *, acting: bool = False) -> list[Entry]:
    """The entries for a person's role.

    Args:
        section: name of the entry that the page at hand belongs to.
        acting: whether an operator acts as the person; what is theirs alone is left out then.
    """
    entries = {Role.RESELLER.value: _FOR_RESELLERS, Role.CUSTOMER.value: _FOR_CUSTOMERS}.get(role, ())
    return [Entry(reverse(f"portal:{name}"), label, icon, name == section)
            for name, label, icon in entries if not (acting and name == "people")]  # fmt: skip
