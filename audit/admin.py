"""Shows audit events, read-only, at the same speed with ten or ten million rows."""

import json
import re
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit.choices import OUTCOME_COLOURS, Outcome
from audit.models import Event
from audit.named import about
from audit.verbs import registered_verbs
from observability.names import known

_PAGE_KEYS = ("before", "after")
_PREFIX_MATCHES = 500
_LAST_CHARACTER = "\U0010ffff"
_HEX_32 = re.compile(r"[0-9a-f]{32}")
# What `word:` in the search box looks at, and where a search without a word looks, in this order.
_SEARCHES = {
    "trace": ("trace_id",),
    "correlation": ("correlation_id",),
    "operation": ("operation_id",),
    "actor": ("actor_login",),
    "user": ("actor_login",),
    "ip": ("actor_ip",),
    "verb": ("verb",),
    "target": ("target_label",),
    "domain": ("target_label",),
}
_EVERYWHERE = ("trace_id", "operation_id", "target_label", "actor_login", "correlation_id", "verb")


class VerbFilter(admin.SimpleListFilter):
    """Filters by registered verb, which costs no query to list."""

    title = _("verb")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(verb.name, verb.label) for verb in registered_verbs()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


class KeysetChangeList(ChangeList):
    """Pages by ``?before=<id>`` and ``?after=<id>``: no COUNT, no OFFSET, whatever the size of the table."""

    def get_filters_params(self, params: Any = None) -> Any:
        kept = super().get_filters_params(params)
        for key in _PAGE_KEYS:
            kept.pop(key, None)
        return kept

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Event]) -> list[Any]:
        return ["-id"]

    def get_results(self, request: HttpRequest) -> None:
        rows, has_newer, has_older = self._page(_as_id(request.GET.get("before")), _as_id(request.GET.get("after")))
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = False
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(rows, self.list_per_page)
        self.newer_url = self._page_url(after=rows[0].pk) if rows and has_newer else ""
        self.older_url = self._page_url(before=rows[-1].pk) if rows and has_older else ""
        self.newest_url = self._page_url() if has_newer else ""

    def _page(self, before: int | None, after: int | None) -> tuple[list[Event], bool, bool]:
        size = self.list_per_page
        if after is not None:
            rows = list(self.queryset.filter(id__gt=after).order_by("id")[: size + 1])
            return rows[:size][::-1], len(rows) > size, True
        queryset = self.queryset if before is None else self.queryset.filter(id__lt=before)
        rows = list(queryset.order_by("-id")[: size + 1])
        return rows[:size], before is not None, len(rows) > size

    def _page_url(self, **place: int) -> str:
        return str(self.get_query_string(dict(place), remove=list(_PAGE_KEYS)))


def _as_id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


class EventAdmin(admin.ModelAdmin):
    """The read-only list and page of events."""

    list_display = ("occurred_at", "outcome_badge", "verb", "target", "actor", "actor_ip", "node")
    list_display_links = ("occurred_at", "verb")
    list_filter = ("outcome", VerbFilter)  # both indexed: at a million rows another column takes half a second
    list_per_page = 50
    list_select_related = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions = None
    search_fields = _EVERYWHERE
    search_help_text = _("Starts with: a trace id, operation id, target or login; or trace: actor: ip: target: verb:")
    fieldsets = (
        (None, {"fields": ("occurred_at", "verb", "outcome_badge", "reason")}),
        (_("Who"), {"fields": ("actor", "actor_type", "actor_id", "actor_role", "actor_interface", "actor_ip",
                               "session_digest", "impersonator_login", "impersonator_id")}),
        (_("What"), {"fields": ("target_label", "target_type", "target_id", "node", "before_json", "after_json")}),
        (_("Ids"), {"fields": ("uid", "trace_id", "correlation_id", "request_id", "operation_id", "version")}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Event | None = None) -> list[str]:
        names = [field.name for field in Event._meta.concrete_fields]
        return [*names, "outcome_badge", "actor", "target", "before_json", "after_json"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in ("outcome__exact", "verb")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Search by prefix over indexes only; see :func:`search`."""
        return (search(queryset, search_term) if search_term.strip() else queryset), False

    @admin.display(description=_("outcome"))
    def outcome_badge(self, event: Event) -> str:
        colour = OUTCOME_COLOURS.get(Outcome(event.outcome), "grey") if event.outcome in Outcome.values else "grey"
        return format_html('<span class="badge badge-{}">{}</span>', colour, event.get_outcome_display())

    @admin.display(description=_("target"))
    def target(self, event: Event) -> str:
        return event.target_label or f"{event.target_type} {event.target_id}".strip()

    @admin.display(description=_("actor"))
    def actor(self, event: Event) -> str:
        name = event.actor_login or event.actor_id or event.get_actor_type_display()
        if not event.impersonator_login:
            return str(name)
        return _("%(actor)s (by %(login)s)") % {"actor": name, "login": event.impersonator_login}

    @admin.display(description=_("before"))
    def before_json(self, event: Event) -> str:
        return _pretty(event.before)

    @admin.display(description=_("after"))
    def after_json(self, event: Event) -> str:
        return _pretty(event.after)


def search(queryset: QuerySet[Event], term: str) -> QuerySet[Event]:
    """Events by the first indexed column that knows the term, exactly or else as a prefix.

    An exact match pages through the index, however many there are. A prefix is resolved to at most 500 ids
    first: asking MariaDB for prefixes of several columns at once, ordered by id, reads the whole table. The name of a
    customer, also of one who is gone, stands for all that is or was theirs.
    """
    word, colon, rest = term.strip().partition(":")
    columns: tuple[str, ...] = _SEARCHES.get(word.lower(), ()) if colon else ()
    text = rest.strip() if columns else term.strip()
    if _HEX_32.fullmatch(text.lower()) and not columns:
        columns, text = ("trace_id",), text.lower()
    theirs = None if columns else about(known(text))
    if theirs is not None:
        return queryset.filter(theirs)
    columns = columns or _EVERYWHERE
    for column in columns:
        if Event.objects.filter(**{column: text}).exists():
            return queryset.filter(**{column: text})
    ids: set[int] = set()
    for column in columns:
        span = {f"{column}__gte": text, f"{column}__lt": text + _LAST_CHARACTER}
        ids.update(Event.objects.filter(**span).order_by().values_list("id", flat=True)[:_PREFIX_MATCHES])
    return queryset.filter(id__in=sorted(ids)[-_PREFIX_MATCHES:])


def _pretty(state: Any) -> str:
    if state is None:
        return "-"
    return format_html('<pre class="json">{}</pre>', json.dumps(state, indent=2, ensure_ascii=False, sort_keys=True))


def register(site: admin.AdminSite) -> None:
    """Show events on ``site``."""
    if not site.is_registered(Event):
        site.register(Event, EventAdmin)
