"""A person's page of what guards the account, and the way to act as them."""

from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.actors import actor_from_request
from accounts.console import ConsoleAdmin
from accounts.fresh import fresh_proof
from accounts.interfaces import CUSTOMER, IMPERSONATE_PATH, address, may_enter
from accounts.models import User
from accounts.policies import OperatorPolicy
from accounts.selectors import own_door_events
from accounts.services.impersonation import ask_impersonation
from accounts.services.letters import ask_for_new_password
from accounts.services.sessions import end_all_sessions, open_sessions, reset_second_factor, revoke_tokens
from accounts.user_agents import in_words

_SHOWN = 20


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, help_text=gettext_lazy("The person can read it."),
    )  # fmt: skip


class PersonPages(ConsoleAdmin):
    """Pages beside a person's form."""

    def get_urls(self) -> list[URLPattern]:
        """The pages before Django's own."""
        pages: list[URLPattern | URLResolver] = [
            path(f"<path:object_id>/{route}/", self.admin_site.admin_view(view), name=f"accounts_user_{name}")
            for route, name, view in (
                ("access", "access", self.access_view),
                ("access/reset", "reset", self.reset_view),
                ("access/end", "end", self.end_view),
                ("access/letter", "letter", self.letter_view),
                ("impersonate", "impersonate", self.impersonate_view),
            )
        ]
        return [*pages, *super().get_urls()]  # type: ignore[list-item]

    @method_decorator(require_safe)
    def access_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Second factors, sessions, tokens, and what happened at the door."""
        person = self.find(request, object_id)
        factors = Authenticator.objects.filter(user=person).exclude(type=Authenticator.Type.RECOVERY_CODES)
        context = {
            "title": str(person), "object": person, "factors": factors,
            "sessions": [{"row": row, "program": in_words(row.user_agent)} for row in open_sessions(person)],
            "token_count": person.api_tokens.filter(revoked_at=None).count(),
            "events": own_door_events(person)[:_SHOWN],
            "may_act": OperatorPolicy(request.user).may_act, "may_impersonate": self._may_act_as(request, person),
        }  # fmt: skip
        return self.page(request, "admin/accounts/user/access.html", context)

    @method_decorator((require_POST, fresh_proof))
    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the second factors of somebody who lost theirs away."""
        person = self._to_act_on(request, object_id)
        reset_second_factor(actor=actor_from_request(request), user=person)
        messages.success(request, _("The second factor was reset; all sessions have ended."))
        return self._back(person)

    @method_decorator(require_POST)
    def end_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sign the person out everywhere and revoke their tokens."""
        person, actor = self._to_act_on(request, object_id), actor_from_request(request)
        end_all_sessions(actor=actor, user=person)
        revoke_tokens(actor=actor, user=person)
        messages.success(request, _("All sessions have ended, and all tokens are revoked."))
        return self._back(person)

    @method_decorator((require_POST, fresh_proof))
    def letter_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a letter that says where to choose a new password: nobody else sets a customer's."""
        person = self._to_act_on(request, object_id)
        try:
            ask_for_new_password(actor=actor_from_request(request), user=person)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _("A letter is on its way to %(email)s.") % {"email": person.email})
        return self._back(person)

    @method_decorator(fresh_proof)
    def impersonate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why; then hand the ticket over to the customers' interface."""
        person = self.find(request, object_id)
        if not self._may_act_as(request, person):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        context = {"title": _("Act as %(person)s") % {"person": person}, "object": person, "form": form}
        if request.method == "POST" and form.is_valid():
            return self._hand_over(request, person, form, context)
        return self.page(request, "admin/accounts/user/impersonate.html", context)

    def _hand_over(self, request: Any, person: User, form: ReasonForm, context: dict[str, Any]) -> HttpResponse:
        actor = actor_from_request(request)
        try:
            _row, ticket = ask_impersonation(actor=actor, operator=request.user, user=person, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error.messages)
            return self.page(request, "admin/accounts/user/impersonate.html", context)
        target = address(IMPERSONATE_PATH, CUSTOMER)
        context |= {"ticket": ticket, "target": target}
        response = self.page(request, "admin/accounts/user/hand_over.html", context)
        response["Cache-Control"] = "no-store"
        # The one page of the console with a form that goes elsewhere: to the customers' interface, in the body.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(target))
        request.csp_form_action = origin
        return response

    def _may_act_as(self, request: HttpRequest, person: User) -> bool:
        fits = person.is_active and not person.is_staff and may_enter(person, CUSTOMER)
        return OperatorPolicy(request.user).may_impersonate and fits

    def _to_act_on(self, request: HttpRequest, object_id: str) -> User:
        if not OperatorPolicy(request.user).may_act:
            raise PermissionDenied
        person: User = self.find(request, object_id)
        return person

    def _back(self, person: User) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse(f"{admin.site.name}:accounts_user_access", args=(person.pk,)))
