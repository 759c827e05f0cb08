"""Object pages with tabs, and pages that ask for a few words and then call exactly one service function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.console import EVENTS_SHOWN, ConsoleAdmin, tabs_for
from accounts.fresh import fresh_proof
from accounts.policies import OperatorPolicy
from audit.actor import Actor
from hosting.admin.cells import address_of
from hosting.admin.forms import AskForm
from hosting.admin.intents import hand_over
from hosting.choices import DriftState, ServiceState
from hosting.errors import HostingError
from hosting.models import DriftItem, HostingService

READS = ("GET", "HEAD")
#: What a service function gave back: an object whose page comes next, or nothing.
Perform = Callable[[Actor, Any, dict[str, Any]], Model | None]


@dataclass(frozen=True)
class Action:
    """Something that can be done in the console: a form, and the service function that its answer goes to.

    Args:
        name: last part of the URL. title: the page's heading. button: what the button says that does it.
        perform: calls one service function with actor, subject and cleaned data.
        plans: whether it leads to a plan first; then the data holds ``wait_for_approval``.
        at_once: whether a second button may skip the look at the plan.
        note: one sentence on what it does. done: said afterwards where no operation's page follows.
        template: of the page, where the common one does not do.
        fresh: whether proof of who acts must have been given a moment ago.
        look: says of the subject and the cleaned data what would happen, for a third button that changes nothing.
    """

    name: str
    title: Any
    button: Any
    perform: Perform
    form: type[AskForm] = AskForm
    plans: bool = True
    at_once: bool = True
    danger: bool = False
    icon: str = ""
    note: Any = ""
    done: Any = ""
    template: str = "admin/npanel/action.html"
    fresh: bool = False
    look: Callable[[Any, dict[str, Any]], Any] | None = None


class ObjectAdmin(ConsoleAdmin):
    """A list, an object page with tabs, and the actions on the object."""

    object_template: ClassVar[str] = ""
    object_actions: ClassVar[tuple[Action, ...]] = ()
    #: How an object is made, where the console can make one.
    adding: ClassVar[Action | None] = None

    def get_urls(self) -> list[URLPattern]:
        """The actions' pages before Django's own, of which those that would save or delete rows are left out."""
        own = [self._url(f"<path:object_id>/{action.name}/", action) for action in self.object_actions]
        unused = ("_delete",) if self.adding is not None else ("_delete", "_add")
        return [*own, *(url for url in super().get_urls() if not str(url.name or "").endswith(unused))]

    def _url(self, route: str, action: Action) -> URLPattern:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.action_view(request, action, self.find(request, object_id))

        name = f"{self.opts.app_label}_{self.opts.model_name}_{action.name}"
        return path(route, self.admin_site.admin_view(view), name=name)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.adding is not None and OperatorPolicy(request.user).may_act

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form that makes an object, through its service function."""
        if self.adding is None:
            raise PermissionDenied
        return self.action_view(request, self.adding, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The object's page. It only reads; whatever changes the object has a page of its own."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        obj = self.find(request, object_id)
        tabs, tab = tabs_for(request, self.tabs(request, obj))
        context = {
            "title": str(obj), "object": obj, "tabs": tabs, "tab": tab, "may_act": OperatorPolicy(request.user).may_act,
        }  # fmt: skip
        if tab == "audit":
            context["events"] = self.events_of(obj)[:EVENTS_SHOWN]
        return self.page(request, self.object_template, {**context, **self.facts(request, obj, tab)})

    def tabs(self, request: HttpRequest, obj: Any) -> Sequence[tuple[str, Any, int | None]]:
        """Key, label and count of each tab."""
        return (("overview", _("Overview"), None), ("audit", _("Audit"), None))

    def facts(self, request: HttpRequest, obj: Any, tab: str) -> dict[str, Any]:
        """What the open tab shows besides the object."""
        return {}

    def action_view(self, request: HttpRequest, action: Action, obj: Any) -> HttpResponse:
        """Ask (GET) or do (POST), with fresh proof where the action wants it."""
        if not OperatorPolicy(request.user).may_act:  # before anybody is asked for proof
            raise PermissionDenied
        answer = fresh_proof(self._ask_or_do) if action.fresh else self._ask_or_do
        return cast(HttpResponse, answer(request, action, obj))

    def _ask_or_do(self, request: HttpRequest, action: Action, obj: Any) -> HttpResponse:
        sent = {"data": request.POST, "files": request.FILES} if request.method == "POST" else {}
        form = action.form(**sent, subject=obj, initial=request.GET.dict() or None)
        if request.method == "POST" and form.is_valid():
            answer = self._do(request, action, obj, form)
            if answer is not None:
                return answer
        context = {
            "title": action.title, "action": action, "form": form, "object": obj, "back": self._back(obj),
            "looked": form.looked,
        }  # fmt: skip
        response = self.page(request, action.template, context)
        response["Cache-Control"] = "no-store"
        return response

    def _do(self, request: HttpRequest, action: Action, obj: Any, form: AskForm) -> HttpResponse | None:
        data = dict(form.cleaned_data)
        if action.plans:
            data["wait_for_approval"] = not (action.at_once and request.POST.get("approval") == "at_once")
        try:
            if action.look is not None and request.POST.get("approval") == "look":
                form.looked = action.look(obj, data)
                return None
            result = action.perform(actor_from_request(request), obj, data)
        except HostingError as error:
            form.refuse(error)
            return None
        if action.done:
            messages.success(request, action.done)
        response = HttpResponseRedirect(address_of(result) if result is not None else self._back(obj))
        hand_over(request, response, result)
        return response

    def _back(self, obj: Any) -> str:
        if obj is not None and obj.pk is not None:
            return address_of(obj)
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def counted(rows: QuerySet[Any], column: str) -> Coalesce:
    """How many rows belong to each object of a list, asked per row shown and not for the whole table."""
    mine = rows.order_by().filter(**{column: OuterRef("pk")}).values(column)
    return Coalesce(Subquery(mine.annotate(many=Count("pk")).values("many")), 0)


def live_services(column: str) -> Coalesce:
    """How many services that are not terminated belong to each customer, node or plan."""
    return counted(HostingService.objects.exclude(state=ServiceState.TERMINATED), column)


def open_drift() -> Coalesce:
    """How many differences are open on each node."""
    return counted(DriftItem.objects.filter(state=DriftState.OPEN), "node")
