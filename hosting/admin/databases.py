"""Databases and the accounts that use them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import ServiceScope
from hosting.admin.forms import PasswordForm
from hosting.admin.operations import TABS_OF_A_PART, operations_of
from hosting.admin.pages import Action, ObjectAdmin
from hosting.models import Database, DatabaseUser, Operation
from hosting.services import databases


def _delete_database(actor: Actor, database: Database, data: dict[str, Any]) -> Operation:
    return databases.delete_database(actor=actor, database=database, **data)


def _delete_user(actor: Actor, user: DatabaseUser, data: dict[str, Any]) -> Operation:
    return databases.delete_database_user(actor=actor, user=user, **data)


def _set_password(actor: Actor, user: DatabaseUser, data: dict[str, Any]) -> Operation:
    return databases.set_password(actor=actor, user=user, **data)


DELETE_DATABASE = Action(
    "remove", _("Delete database"), _("Plan the deletion"), _delete_database, at_once=False, danger=True,
    icon="trash-2", note=_("A dump is kept aside on the node, so the deletion can be rolled back."),
)  # fmt: skip
DELETE_USER = Action(
    "remove", _("Delete database user"), _("Plan the deletion"), _delete_user, at_once=False, danger=True,
    icon="trash-2",
)  # fmt: skip
SET_PASSWORD = Action(
    "password", _("Set a new password"), _("Plan the new password"), _set_password, PasswordForm, icon="key-round"
)


@admin.register(Database)
class DatabaseAdmin(ObjectAdmin):
    """Databases."""

    list_display = ("label", "service_name", "character_set", "created")
    list_display_links = ("label",)
    list_filter = (ServiceScope,)
    search_fields = ("name__startswith",)
    search_help_text = _("Name, from the beginning")
    object_template = "admin/npanel/database.html"
    object_actions = (DELETE_DATABASE,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Database]:
        found = selectors.databases(actor_from_request(request)).select_related(None)
        return found.prefetch_related("service__node")

    def tabs(self, request: HttpRequest, obj: Database) -> tuple[tuple[str, Any, int | None], ...]:
        return TABS_OF_A_PART

    def facts(self, request: HttpRequest, obj: Database, tab: str) -> dict[str, Any]:
        menu = [DELETE_DATABASE] if obj.service.is_live else []
        if tab == "operations":
            return {"menu": menu, "operations": operations_of(obj.service)}
        return {"menu": menu, "grants": obj.grants.select_related("user").order_by("user__name")}

    @admin.display(description=_("name"), ordering="name")
    def label(self, database: Database) -> str:
        return database.name

    @admin.display(description=_("service"))
    def service_name(self, database: Database) -> str:
        return cells.link(database.service)

    @admin.display(description=_("character set"))
    def character_set(self, database: Database) -> str:
        return f"{database.charset}, {database.collation}"

    @admin.display(description=_("created"), ordering="id")
    def created(self, database: Database) -> str:
        return cells.when(database.created_at)


@admin.register(DatabaseUser)
class DatabaseUserAdmin(ObjectAdmin):
    """Database accounts."""

    list_display = ("label", "service_name", "may_use", "created")
    list_display_links = ("label",)
    list_filter = (ServiceScope,)
    search_fields = ("name__startswith",)
    search_help_text = _("Name, from the beginning")
    object_template = "admin/npanel/database_user.html"
    object_actions = (SET_PASSWORD, DELETE_USER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DatabaseUser]:
        found = selectors.database_users(actor_from_request(request)).select_related(None)
        return found.prefetch_related("service__node", "grants__database")

    def facts(self, request: HttpRequest, obj: DatabaseUser, tab: str) -> dict[str, Any]:
        live = obj.service.is_live
        return {"grants": obj.grants.all(), "live": live, "menu": [DELETE_USER] if live else []}

    @admin.display(description=_("name"), ordering="name")
    def label(self, user: DatabaseUser) -> str:
        return str(user)

    @admin.display(description=_("service"))
    def service_name(self, user: DatabaseUser) -> str:
        return cells.link(user.service)

    @admin.display(description=_("databases"))
    def may_use(self, user: DatabaseUser) -> str:
        return ", ".join(grant.database.name for grant in user.grants.all()) or cells.NOTHING

    @admin.display(description=_("created"), ordering="id")
    def created(self, user: DatabaseUser) -> str:
        return cells.when(user.created_at)
