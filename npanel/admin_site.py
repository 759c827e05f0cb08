"""The operators' console: Django's admin under NPanel's name, rules and look."""

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy

#: Apps with pages in the console. Others' admins (the queue's runs any dotted path) are not let in.
SHOWN_APPS = frozenset({"accounts", "audit", "hosting", "observability"})

#: Django's own pages that have no place in this console.
UNUSED = frozenset(
    {"app_list", "autocomplete", "jsi18n", "view_on_site", "logout", "password_change", "password_change_done"}
)

#: The rail: groups named after work; each entry is URL name, label, icon, and whose count it shows in which tone.
RAIL: tuple[tuple[Any, tuple[tuple[str, Any, str, str, str], ...]], ...] = (
    ("", (("index", _("Attention"), "house", "failed+nodes", "bad"),)),
    (
        _("Customers"),
        (
            ("accounts_customer_changelist", _("Customers"), "users", "", ""),
            ("accounts_reseller_changelist", _("Resellers"), "layers", "", ""),
            ("hosting_hostingservice_changelist", _("Services"), "box", "", ""),
        ),
    ),
    (
        _("Names"),
        (
            ("hosting_domain_changelist", _("Domains"), "globe", "", ""),
            ("hosting_dnsrecord_changelist", _("DNS records"), "list", "", ""),
            ("hosting_recordtemplate_changelist", _("Record templates"), "scroll-text", "", ""),
            ("hosting_certificate_changelist", _("Certificates"), "lock", "", ""),
        ),
    ),
    (
        _("Mail"),
        (
            ("hosting_maildomain_changelist", _("Mail domains"), "mail", "", ""),
            ("hosting_mailbox_changelist", _("Mailboxes"), "user", "", ""),
            ("hosting_mailalias_changelist", _("Mail aliases"), "at-sign", "", ""),
            ("hosting_queuedmessage_changelist", _("Mail queue"), "hourglass", "", ""),
            ("hosting_maillookup_changelist", _("Mail log"), "search", "", ""),
        ),
    ),
    (
        _("Databases"),
        (
            ("hosting_database_changelist", _("Databases"), "database", "", ""),
            ("hosting_databaseuser_changelist", _("Database users"), "key-round", "", ""),
        ),
    ),
    (
        _("Files"),
        (
            ("hosting_ftpaccount_changelist", _("FTP accounts"), "hard-drive", "", ""),
            ("hosting_sshkey_changelist", _("SSH keys"), "terminal", "", ""),
        ),
    ),
    (
        _("Nodes and operations"),
        (
            ("health", _("Health"), "monitor", "", ""),
            ("performance", _("Performance"), "activity", "", ""),
            ("observability_incident_changelist", _("Incidents"), "triangle-alert", "incidents", "bad"),
            ("hosting_node_changelist", _("Nodes"), "server", "", ""),
            ("hosting_secondary_changelist", _("Secondary name servers"), "copy", "", ""),
            ("hosting_operation_changelist", _("Operations"), "activity", "planned", "info"),
            ("hosting_bulkrun_changelist", _("Bulk runs"), "list", "", ""),
            ("hosting_driftitem_changelist", _("Drift"), "git-compare", "drift", "warn"),
        ),
    ),
    (
        _("Audit and settings"),
        (
            ("audit_event_changelist", _("Audit"), "scroll-text", "", ""),
            ("runbook", _("Runbook"), "wrench", "", ""),
            ("kept", _("What is kept"), "hard-drive", "", ""),
            ("audit_legalhold_changelist", _("Legal holds"), "lock", "", ""),
            ("hosting_hostingplan_changelist", _("Plans"), "layers", "", ""),
            ("accounts_user_changelist", _("People"), "user", "", ""),
        ),
    ),
)


class ConsoleSite(AdminSite):
    """NPanel's console."""

    site_header = "NPanel"
    site_title = "NPanel"
    index_title = _("Attention")
    empty_value_display = "–"
    enable_nav_sidebar = False
    site_url = None

    def register(
        self, model_or_iterable: type[Model] | Iterable[type[Model]], admin_class: Any = None, **options: Any
    ) -> None:
        """Register pages of NPanel's own apps; leave everybody else's out."""
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        shown = [model for model in models if model._meta.app_label in SHOWN_APPS]
        if shown:
            super().register(shown, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Only operators get in."""
        return OperatorPolicy(request.user).may_view

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Django's, with the live part of the start page and the search, without the doors that nothing here uses."""
        own = [
            path("live/", self.admin_view(self.live), name="live"),
            path("search/", self.admin_view(self.search), name="search"),
            path("runbook/", self.admin_view(self.runbook), name="runbook"),
            path("runbook/<slug:slug>/", self.admin_view(self.runbook), name="runbook_page"),
            path("health/", self.admin_view(self.health), name="health"),
            path("health/live/", self.admin_view(self.health_live), name="health_live"),
            path("performance/", self.admin_view(self.performance), name="performance"),
            path("kept/", self.admin_view(self.kept), name="kept"),
            path("timeline/<str:wanted>/", self.admin_view(self.timeline), name="timeline"),
        ]
        return [*own, *(url for url in super().get_urls() if getattr(url, "name", "") not in UNUSED)]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page shows: the rail and what the person may do."""
        context = super().each_context(request)
        context.pop("available_apps", None)
        if self.has_permission(request):
            context["rail"] = rail(request)
            context["may_act"] = OperatorPolicy(request.user).may_act
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The rail takes the place of Django's list of models."""
        return []

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What needs somebody now."""
        from hosting.admin.start import start_page  # at the top it would need this site before it is there

        context = {**self.each_context(request), "title": self.index_title, **start_page(actor_from_request(request))}
        return TemplateResponse(request, "admin/index.html", {**context, "version": _version(context)})

    def timeline(self, request: HttpRequest, wanted: str) -> HttpResponse:
        """All that is known of a trace or correlation id; with ``?as=json`` as `manage.py logs --json` tells it."""
        from hosting.admin.timeline import timeline_page, timeline_story  # see above
        from hosting.story import document

        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        told = timeline_story(request, wanted)
        if request.GET.get("as") == "json":
            return JsonResponse(document(told), json_dumps_params={"indent": 2, "ensure_ascii": False})
        context = {**self.each_context(request), **timeline_page(request, told)}
        return TemplateResponse(request, "admin/npanel/timeline.html", context)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseRedirect:
        """One sign-in for both interfaces: the account pages'."""
        query = {"next": request.GET["next"]} if "next" in request.GET else {}
        return HttpResponseRedirect(reverse("account_login") + (f"?{urlencode(query)}" if query else ""))

    def live(self, request: HttpRequest) -> HttpResponse:
        """What changes on the start page, or 204 when it has not since ``?version=``."""
        from hosting.admin.start import moving, start_page

        actor = actor_from_request(request)
        moves = moving(actor)
        version = _version(moves)
        if request.GET.get("version") == version:
            return HttpResponse(status=204)
        context = {**start_page(actor, moves), "version": version}
        return TemplateResponse(request, "admin/npanel/start_live.html", context)

    def runbook(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        """The runbook's list of pages, or one of them."""
        from npanel.runbook.views import show_index, show_page

        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        context = self.each_context(request)
        return show_page(request, context, slug) if slug else show_index(request, context)

    def health(self, request: HttpRequest) -> HttpResponse:
        """What is up, degraded and down."""
        from npanel.health_page import health_page  # it needs models, which are not there when this site is made

        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        context = {**self.each_context(request), "title": _("Health"), **health_page()}
        return TemplateResponse(request, "admin/npanel/health.html", context)

    def health_live(self, request: HttpRequest) -> HttpResponse:
        """The health page's content, or 204 when it has not changed since ``?version=``."""
        from npanel.health_page import health_page

        context = health_page()
        if request.GET.get("version") == context["version"]:
            return HttpResponse(status=204)
        return TemplateResponse(request, "admin/npanel/health_live.html", context)

    def performance(self, request: HttpRequest) -> HttpResponse:
        """Requests, errors, times, operations, queue, nodes and capacity."""
        from npanel.performance_page import performance_page  # see health

        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        context = {**self.each_context(request), "title": _("Performance"), **performance_page()}
        return TemplateResponse(request, "admin/npanel/performance.html", context)

    def kept(self, request: HttpRequest) -> HttpResponse:
        """For how long records are kept, and the disk they use."""
        from npanel.kept_page import kept_page  # it needs models, which are not there when this site is made

        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        context = {**self.each_context(request), "title": _("What is kept"), **kept_page()}
        return TemplateResponse(request, "admin/npanel/kept.html", context)

    def search(self, request: HttpRequest) -> HttpResponse:
        """What begins with ``?q=``; with ``?part=results`` without the page around it, for the palette."""
        from hosting.admin.search import found

        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        context = {"title": _("Search"), **found(actor_from_request(request), request.GET.get("q", ""))}
        if request.GET.get("part") == "results":
            return TemplateResponse(request, "admin/npanel/search_results.html", context)
        return TemplateResponse(request, "admin/npanel/search.html", {**self.each_context(request), **context})


def rail(request: HttpRequest) -> list[dict[str, Any]]:
    """The rail's groups with their entries, counts where something waits, and which entry is open."""
    from hosting.admin.start import counts

    waiting = counts(actor_from_request(request))
    return [
        {"title": title, "entries": [_entry(request, waiting, *entry) for entry in entries]} for title, entries in RAIL
    ]


def _entry(
    request: HttpRequest, waiting: dict[str, int], name: str, label: Any, icon: str, counted: str, tone: str
) -> dict[str, Any]:
    url = reverse(f"admin:{name}")
    number = sum(waiting[key] for key in counted.split("+")) if counted else 0
    return {
        "url": url,
        "label": label,
        "icon": icon,
        "count": "99+" if number > 99 else str(number or ""),
        "tone": tone,
        "current": request.path == url if name == "index" else request.path.startswith(url),
    }


def _version(context: dict[str, Any]) -> str:
    """Changes whenever the live part of the start page would."""
    running = [(str(operation.pk), operation.state, operation.phase) for operation in context["running"]]
    lines = [(line.what, line.where) for line in context["lines"]]
    return hashlib.sha256(repr((running, lines)).encode()).hexdigest()[:16]
