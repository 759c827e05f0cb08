"""The portal's shell around each page, pages that ask for a few words and do one thing, and lists page by page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from hosting.errors import HostingError
from hosting.models import Operation
from hosting.numbers import row_number
from hosting.policies import perform
from hosting.portal.access import PortalRequest, require
from hosting.portal.forms import PortalForm
from hosting.portal.intents import hand_over

#: Rows of a list on one page.
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Ask:
    """A page that asks for a few words, and the use case its answer goes to.

    Args:
        use: name of the use case. title: the page's heading. button: what the button says that does it.
        plans: whether it leads to a plan first. at_once: whether a second button may skip the look at the plan.
        note: one sentence on what it does. done: said afterwards where no operation's page follows.
        look: says of the subject and the answers what would happen, for a third button that changes nothing.
    """

    use: str
    title: Any
    button: Any
    note: Any = ""
    plans: bool = True
    at_once: bool = False
    danger: bool = False
    done: Any = ""
    template: str = "portal/ask.html"
    look: Callable[[Any, dict[str, Any]], Any] | None = None


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, section: str = "", status: int = 200
) -> TemplateResponse:
    """A page of the portal. It holds a customer's things, so no cache on the way may keep it.

    Args:
        section: name of the navigation's entry that it belongs to.
    """
    response = TemplateResponse(request, template, {"section": section, **(context or {})}, status=status)
    response["Cache-Control"] = "no-store"
    return response


def ask(
    request: PortalRequest,
    question: Ask,
    subject: Model | None,
    form: PortalForm,
    *,
    back: str,
    section: str,
    about: Any = "",
    trail: Any = "",
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    """Show the form; once it is filled in, do the one thing and go to where its outcome can be seen.

    Args:
        subject: what the use case acts on. back: where "Back" leads. about: what the page is about, in a word.
        trail: what is there, if that is not the page of what it is about.
    """
    require(request, question.use, subject)
    if request.method == "POST" and form.is_valid():
        answer = _do(request, question, subject, form, back)
        if answer is not None:
            return answer
    shown = {
        "ask": question,
        "looked": form.looked,
        "title": question.title,
        "form": form,
        "back": back,
        "about": about,
        "trail": trail,
    }
    return page(request, question.template, {**shown, **(context or {})}, section=section)


def _do(
    request: PortalRequest, question: Ask, subject: Model | None, form: PortalForm, back: str
) -> HttpResponse | None:
    data = form.answers()
    try:
        if question.look is not None and request.POST.get("approval") == "look":
            form.looked = question.look(subject, data)
            return None
        if question.plans:
            data["wait_for_approval"] = not (question.at_once and request.POST.get("approval") == "at_once")
        result = perform(request.actor, question.use, subject, **data)
    except HostingError as error:
        if error.code == "forbidden":
            raise PermissionDenied from error
        form.refuse(error)
        return None
    if isinstance(result, Operation):
        response = HttpResponseRedirect(reverse("portal:operation", args=(result.pk,)))
        hand_over(request, response, result)
        return response
    if question.done:
        messages.success(request, question.done)
    return HttpResponseRedirect(back)


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a list.

    Args:
        rows: what is on it. after: the mark that the next page begins behind, or "". first: whether it is the first.
    """

    rows: Sequence[Any]
    after: str
    first: bool


def rows_by_name(rows: QuerySet[Any], request: HttpRequest, field: str = "name") -> Rows:
    """A page of rows in the order of a name and their keys, from behind ``?after=`` on: no page is slower than another.

    Args:
        field: a text column; rows with equal values follow in the order of their keys.
    """
    after = request.GET.get("after", "")[:300]
    key, _bar, pk = after.rpartition("|")
    number = row_number(pk)
    if key and number is not None:
        rows = rows.filter(Q(**{f"{field}__gt": key}) | Q(**{field: key, "pk__gt": number}))
    found = list(rows.order_by(field, "pk")[: PAGE_SIZE + 1])
    shown, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    mark = f"{getattr(shown[-1], field)}|{shown[-1].pk}" if more else ""
    return Rows(shown, mark, not after)
