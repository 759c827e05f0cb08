"""Filters that a link sets (``?node=3``): a chip above the list says so, and takes them away."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors


class ScopeFilter(admin.SimpleListFilter):
    """Rows of one object. Not offered as a choice: there may be 100,000 to choose from.

    Args:
        parameter_name: in the address; the column is called the same, unless ``column`` names another.
        objects: the selector of those that may be asked for.
    """

    objects: Callable[[Actor], QuerySet[Any]]
    column = ""

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        self.found: Model | None = None
        text = (params.get(str(self.parameter_name)) or [""])[-1]
        if text.isascii() and text.isdigit() and len(text) < 19:
            self.found = self.objects(actor_from_request(request)).filter(pk=int(text)).first()
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(self.found.pk), str(self.found))] if self.found else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column or str(self.parameter_name): self.found}) if self.found else queryset


class NodeScope(ScopeFilter):
    """Rows on one node."""

    title, parameter_name, objects = _("node"), "node", staticmethod(selectors.nodes)


class CustomerScope(ScopeFilter):
    """Services of one customer."""

    title, parameter_name, objects = _("customer"), "customer", staticmethod(selectors.customers)


class ServiceScope(ScopeFilter):
    """Rows of one service."""

    title, parameter_name, objects = _("service"), "service", staticmethod(selectors.services)


class DomainScope(ScopeFilter):
    """Records of one domain."""

    title, parameter_name, objects = _("domain"), "domain", staticmethod(selectors.domains)


class MailDomainScope(ScopeFilter):
    """Addresses of one mail domain."""

    title, parameter_name, objects = _("mail domain"), "mail", staticmethod(selectors.mail_domains)
