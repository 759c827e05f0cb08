"""Bulk runs: the page that asks before the same is done for many services, the list of runs, and a run's live page."""

import hashlib
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy
from hosting import intent_cookie, selectors
from hosting.admin import cells, intents
from hosting.admin.forms import AskForm
from hosting.admin.pages import READS, ObjectAdmin
from hosting.choices import BulkState, OperationKind
from hosting.errors import HostingError
from hosting.models import BulkRun, HostingService, Intent
from hosting.services import bulk

#: Rows of a run on one page; those that need somebody come first.
ROWS_SHOWN = 500
#: What can be done with chosen services, and what the button says for a number of them.
BUTTONS = {
    OperationKind.SUSPEND: ngettext_lazy("Suspend %(n)d service", "Suspend %(n)d services", "n"),
    OperationKind.RESUME: ngettext_lazy("Resume %(n)d service", "Resume %(n)d services", "n"),
    OperationKind.APPLY: ngettext_lazy("Apply %(n)d service", "Apply %(n)d services", "n"),
    OperationKind.CHANGE_PHP: ngettext_lazy("Change PHP of %(n)d service", "Change PHP of %(n)d services", "n"),
    OperationKind.DELETE: ngettext_lazy("Delete %(n)d service", "Delete %(n)d services", "n"),
}
#: The same before anybody has counted, as the list's buttons say it.
CHOICES = (
    (OperationKind.SUSPEND, gettext_lazy("Suspend"), "circle-pause", False),
    (OperationKind.RESUME, gettext_lazy("Resume"), "circle-play", False),
    (OperationKind.APPLY, gettext_lazy("Apply"), "scan-search", False),
    (OperationKind.CHANGE_PHP, gettext_lazy("Change PHP"), "code", False),
    (OperationKind.DELETE, gettext_lazy("Delete"), "trash-2", True),
)
_ORDER = ("failed", "refused", "started", "waiting", "cancelled", "succeeded")


class BulkForm(AskForm):
    """Why, and for which PHP version where that is the question."""

    def __init__(self, *args: Any, kind: OperationKind, services: list[HostingService], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind == OperationKind.CHANGE_PHP:
            versions = sorted({version for service in services for version in service.node.php_versions}, reverse=True)
            choices = [(version, f"PHP {version}") for version in versions]
            self.fields["php_version"] = forms.ChoiceField(label=_("PHP version"), choices=choices)
            self.order_fields(["php_version", "reason"])

    @property
    def options(self) -> dict[str, Any]:
        """Arguments for the service function besides the reason."""
        return {name: value for name, value in self.cleaned_data.items() if name != "reason"}


def ask_view(request: HttpRequest, page: Any) -> HttpResponse:
    """Show what was chosen in the list and ask for a reason; a second POST starts the run.

    Args:
        page: renders a template with a context, as :meth:`ConsoleAdmin.page` does.
    """
    if not OperatorPolicy(request.user).may_act:
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:hosting_hostingservice_changelist"))
    kind, services = _chosen(request)
    if kind is None or not services:
        messages.error(request, _("Nothing was chosen. Tick services in the list first."))
        return HttpResponseRedirect(reverse("admin:hosting_hostingservice_changelist"))
    going = "go" in request.POST
    form = BulkForm(request.POST if going else None, subject=None, kind=kind, services=services)
    if going and form.is_valid():
        answer = _start(request, kind, services, form)
        if answer is not None:
            return answer
    button = BUTTONS[kind] % {"n": len(services)}
    context = {
        "title": button, "form": form, "kind": kind, "services": services, "button": button,
        "danger": kind == OperationKind.DELETE, "back": reverse("admin:hosting_hostingservice_changelist"),
    }  # fmt: skip
    response: HttpResponse = page("admin/npanel/bulk_ask.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _chosen(request: HttpRequest) -> tuple[OperationKind | None, list[HostingService]]:
    """What was wished for which of the services that the person may see."""
    wish = request.POST.get("kind", "")
    kind = OperationKind(wish) if wish in {known.value for known in BUTTONS} else None
    ids = [text for text in request.POST.getlist("service") if text.isdecimal()]
    found = selectors.services(actor_from_request(request)).filter(pk__in=ids[: bulk.MOST + 1]).order_by("username")
    return kind, list(found)


def _start(
    request: HttpRequest, kind: OperationKind, services: list[HostingService], form: BulkForm
) -> HttpResponse | None:
    actor = actor_from_request(request)
    try:
        run = bulk.start_bulk(
            actor=actor, kind=kind, services=services, reason=form.cleaned_data["reason"], options=form.options
        )
        response = HttpResponseRedirect(cells.address_of(run))
        if run.state == BulkState.WAITING:
            intents.keep_token(response, run, bulk.prepare_bulk(actor=actor, run=run))
    except HostingError as error:
        form.refuse(error)
        return None
    return response


@admin.register(BulkRun)
class BulkRunAdmin(ObjectAdmin):
    """Bulk runs."""

    list_display = ("what", "badge", "num_total", "asked_by", "asked", "why")
    list_display_links = ("what",)
    list_filter = ("state", "kind")
    search_fields = ("actor_login__startswith", "reason__startswith", "items__label__exact")
    search_help_text = gettext_lazy("Person or reason from the beginning, or a service's user name")
    ordering = ("-created_at",)
    sortable_by = ()
    audit_types = ("bulk_run",)
    object_template = "admin/npanel/bulk_run.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkRun]:
        return selectors.bulk_runs(actor_from_request(request))

    def get_urls(self) -> list[URLPattern]:
        """The live region and the buttons."""
        wrap = self.admin_site.admin_view
        acts = {"retry": _retry, "cancel": _cancel, "prepare": _prepare, "confirm": _confirm}
        buttons = [
            path(f"<uuid:pk>/{name}/", wrap(self._button(act)), name=f"bulk_{name}") for name, act in acts.items()
        ]
        return [
            path("<uuid:pk>/live/", wrap(self.live_view), name="bulk_live"),
            path("<uuid:pk>/clock/", wrap(self.clock_view), name="bulk_clock"),
            *buttons,
            *super().get_urls(),
        ]

    def facts(self, request: HttpRequest, obj: BulkRun, tab: str) -> dict[str, Any]:
        return _shown(request, obj)

    def live_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The part of the page that changes, or 204 when it has not since ``?version=``."""
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        run = self.find(request, str(pk))
        if request.GET.get("version") == version_of(run):
            return HttpResponse(status=204)
        context = {"object": run, "may_act": OperatorPolicy(request.user).may_act, **_shown(request, run)}
        return TemplateResponse(request, "admin/npanel/bulk_live.html", context)

    def clock_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """How long the run still waits to be confirmed."""
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        intent = Intent.objects.filter(bulk=self.find(request, str(pk))).first()
        left = intents.clock(intent) if intent else ""
        if request.GET.get("version") == left:
            return HttpResponse(status=204)
        url = reverse("admin:bulk_clock", args=(pk,))
        return TemplateResponse(request, "admin/npanel/clock.html", {"url": url, "left": left})

    def _button(self, act: Any) -> Any:
        def view(request: HttpRequest, pk: Any) -> HttpResponse:
            return self._press(request, act, self.find(request, str(pk)))

        return view

    def _press(self, request: HttpRequest, act: Any, run: BulkRun) -> HttpResponse:
        if not OperatorPolicy(request.user).may_act:
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        response = HttpResponseRedirect(cells.address_of(run))
        try:
            act(request, run, response)
        except HostingError as error:
            messages.error(request, f"{error.detail} {error.hint}".strip())
        return response

    @admin.display(description=gettext_lazy("bulk run"))
    def what(self, run: BulkRun) -> str:
        return run.get_kind_display()

    @admin.display(description=gettext_lazy("state"))
    def badge(self, run: BulkRun) -> str:
        return cells.badge(run.state, run.get_state_display())

    @admin.display(description=gettext_lazy("services"))
    def num_total(self, run: BulkRun) -> str:
        return str(run.total)

    @admin.display(description=gettext_lazy("asked by"))
    def asked_by(self, run: BulkRun) -> str:
        return run.actor_login or cells.NOTHING

    @admin.display(description=gettext_lazy("asked"))
    def asked(self, run: BulkRun) -> str:
        return cells.when(run.created_at)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, run: BulkRun) -> str:
        return run.reason or cells.NOTHING


def _retry(request: HttpRequest, run: BulkRun, response: HttpResponse) -> None:
    actor = actor_from_request(request)
    again = bulk.retry_bulk(actor=actor, run=run)
    if again.state == BulkState.WAITING:
        intents.keep_token(response, again, bulk.prepare_bulk(actor=actor, run=again))


def _cancel(request: HttpRequest, run: BulkRun, response: HttpResponse) -> None:
    bulk.cancel_bulk(actor=actor_from_request(request), run=run)


def _prepare(request: HttpRequest, run: BulkRun, response: HttpResponse) -> None:
    intents.keep_token(response, run, bulk.prepare_bulk(actor=actor_from_request(request), run=run))


def _confirm(request: HttpRequest, run: BulkRun, response: HttpResponse) -> None:
    if request.POST.get("name", "").strip() != str(run.total):
        messages.error(request, _("Type %d to confirm. Nothing was changed.") % run.total)
        return
    bulk.confirm_bulk(
        actor=actor_from_request(request),
        run=run,
        token=intent_cookie.held_token(request),
        digest=request.POST.get("digest", ""),
        reason=request.POST.get("reason", ""),
    )
    intents.drop_token(response, run)


def _shown(request: HttpRequest, run: BulkRun) -> dict[str, Any]:
    found = bulk.counts(run)
    items = run.items.select_related("operation", "service").order_by("pk")
    rows = sorted(items[:ROWS_SHOWN], key=lambda item: _ORDER.index(item.state))
    done = run.total - found["waiting"] - found["started"]
    intent = Intent.objects.select_related("bulk").filter(bulk=run).first()
    ended = run.state in (BulkState.PARTIAL, BulkState.FAILED)
    return {
        "counts": found,
        "rows": rows,
        "more": max(0, run.total - ROWS_SHOWN),
        "done": done,
        "words": _words(run, found, done),
        "version": version_of(run),
        "confirmation": intents.confirmation(request, run, intent if run.state == BulkState.WAITING else None),
        "may_retry": ended and bool(found["failed"] + found["refused"]),
        "unwell": found["failed"] + found["refused"],
        "button": BUTTONS[OperationKind(run.kind)] % {"n": run.total},
    }


def _words(run: BulkRun, found: dict[str, int], done: int) -> str:
    """The run in one sentence."""
    if run.state == BulkState.WAITING:
        return _("It waits to be confirmed. Nothing has been changed.")
    parts = [
        (found["succeeded"], ngettext("%d succeeded", "%d succeeded", found["succeeded"])),
        (found["failed"], ngettext("%d failed", "%d failed", found["failed"])),
        (found["refused"], ngettext("%d was refused", "%d were refused", found["refused"])),
        (found["cancelled"], ngettext("%d was cancelled", "%d were cancelled", found["cancelled"])),
    ]
    told = ", ".join(words % number for number, words in parts if number)
    if run.is_final:
        return _("Of %(total)d: %(told)s.") % {"total": run.total, "told": told or "0"}
    return _("%(done)d of %(total)d done.") % {"done": done, "total": run.total} + (f" {told}." if told else "")


def version_of(run: BulkRun) -> str:
    """Changes whenever the run's page would."""
    found = sorted(bulk.counts(run).items())
    moving = list(run.items.filter(state="started").order_by("pk").values_list("pk", "operation__state")[:ROWS_SHOWN])
    mark = intents.mark_of(Intent.objects.filter(bulk=run).first())
    return hashlib.sha256(repr((run.state, run.stopping, found, moving, mark)).encode()).hexdigest()[:16]
