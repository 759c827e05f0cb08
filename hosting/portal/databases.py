"""Databases and the accounts that use them."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.choices import ServiceState
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.choosing import LIVE, able_to, chosen_service
from hosting.portal.forms import DatabaseForm, DatabaseUserForm, NameAgain, PasswordForm, PortalForm, user_label
from hosting.portal.pages import Ask, ask, page, rows_by_name

_TRAIL = _("Databases")
_COPY = _("Copy the password before you go on; it can't be shown again.")
CREATE = Ask("database.create_with_user", _("Add database"), _("See what is made"), _COPY, at_once=True)
ADD_USER = Ask("database_user.create", _("Add database user"), _("See what is made"), _COPY, at_once=True)
PASSWORD = Ask(
    "database_user.password", _("Change password"), _("See what changes"),
    _("Programs that use this account need the new password at once."), at_once=True,
)  # fmt: skip
DELETE = Ask(
    "database.delete", _("Delete database"), _("See what is deleted"),
    _("Its tables go, and what your site keeps in them. A copy is kept aside, so it can be undone for a while."),
    danger=True,
)  # fmt: skip
DELETE_USER = Ask(
    "database_user.delete", _("Delete database user"), _("See what is deleted"),
    _("Programs that sign in with it can't any more."), danger=True,
)  # fmt: skip


@portal
def databases(request: PortalRequest) -> HttpResponse:
    """The list, with the accounts of each."""
    rows = selectors.databases(request.actor).exclude(service__state=ServiceState.TERMINATED)
    found = rows_by_name(rows.select_related("service__customer").prefetch_related("grants__user"), request)
    live = {row.service_id: row.service for row in found.rows if row.service.state in LIVE}
    able = {service.pk for service in able_to(request, "database.create", live.values())}
    items = [
        {"database": row, "users": [grant.user for grant in row.grants.all()], "may": row.service_id in able}
        for row in found.rows
    ]
    users = selectors.database_users(request.actor).filter(grants__isnull=True)
    context = {
        "rows": found,
        "items": items,
        "loose": users.exclude(service__state=ServiceState.TERMINATED).order_by("name")[:20],
        "may_add": chosen_service(request, CREATE.use).any,
    }
    return page(request, "portal/databases.html", context, section="databases")


@portal
def add(request: PortalRequest) -> HttpResponse:
    """A database with an account of its own."""
    return _for_service(request, CREATE, DatabaseForm)


@portal
def add_user(request: PortalRequest) -> HttpResponse:
    """One more account."""
    return _for_service(request, ADD_USER, DatabaseUserForm)


def _for_service(request: PortalRequest, question: Ask, form_class: Any) -> HttpResponse:
    choice = chosen_service(request, question.use)
    if choice.service is None:
        return choice.page(request, question.title, reverse("portal:databases"), "databases")
    form = form_class(request.POST if request.method == "POST" else None, service=choice.service)
    return ask(
        request, question, choice.service, form,
        back=reverse("portal:databases"), section="databases", about=choice.service.username, trail=_TRAIL,
    )  # fmt: skip


@portal
def delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete a database, once its name is typed."""
    row = find(selectors.databases(request.actor), pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=row.name)
    return _ask(request, DELETE, row, form, row.name)


@portal
def password(request: PortalRequest, pk: int) -> HttpResponse:
    """Another password for an account."""
    row = find(selectors.database_users(request.actor), pk)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    return _ask(request, PASSWORD, row, form, user_label(row))


@portal
def delete_user(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete an account, once its name is typed."""
    row = find(selectors.database_users(request.actor), pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=row.name)
    return _ask(request, DELETE_USER, row, form, user_label(row))


def _ask(request: PortalRequest, question: Ask, subject: Any, form: PortalForm, about: str) -> HttpResponse:
    back = reverse("portal:databases")
    return ask(request, question, subject, form, back=back, section="databases", about=about, trail=_TRAIL)
