"""Pages of one's own API tokens: list, make (shown once), revoke. Who acts as somebody else is kept off all of them."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import actor_from_request
from accounts.fresh import fresh_proof
from accounts.models import ApiToken
from accounts.scopes import known_scopes
from accounts.services.tokens import create_token, revoke_token

_TEMPLATE = "account/tokens.html"


class TokenForm(forms.Form):
    """What a new token is for."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, help_text=gettext_lazy("What it is for."))
    scopes = forms.MultipleChoiceField(label=gettext_lazy("Scopes"), widget=forms.CheckboxSelectMultiple)
    cidrs = forms.CharField(
        label=gettext_lazy("Allowed networks"),
        required=False,
        help_text=gettext_lazy("Separated by blanks, such as 192.0.2.0/24; empty: from anywhere."),
    )
    days = forms.IntegerField(label=gettext_lazy("Ends after (days)"), min_value=1, max_value=365, initial=90)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [(scope, scope) for scope in known_scopes()]  # type: ignore[attr-defined]


@require_safe
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens."""
    return _page(request)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@fresh_proof
def create(request: HttpRequest) -> HttpResponse:
    """Make a token; the answer to the form is the one page that shows it."""
    form = TokenForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form=form)
    data = form.cleaned_data
    try:
        row, text = create_token(
            actor=actor_from_request(request),
            user=request.user,  # type: ignore[arg-type]
            name=data["name"],
            scopes=data["scopes"],
            cidrs=data["cidrs"].replace(",", " ").split(),
            expires_in=timedelta(days=data["days"]),
        )
    except ValidationError as error:
        for field, errors in error.message_dict.items():
            form.add_error(field if field in form.fields else None, errors)
        return _page(request, form=form)
    return _page(request, made=row, shown_once=text)


@require_POST
@never_cache
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token."""
    token = get_object_or_404(_own_tokens(request), pk=pk)
    revoke_token(actor=actor_from_request(request), token=token)
    messages.success(request, _("The token %(name)s is revoked.") % {"name": token.name})
    return redirect("account_tokens")


def _own_tokens(request: HttpRequest) -> Any:
    return ApiToken.objects.filter(user=request.user)  # type: ignore[misc]


def _page(request: HttpRequest, **context: Any) -> HttpResponse:
    form = context.get("form")
    status = 422 if form is not None and form.is_bound else 200
    now = timezone.now()
    return render(request, _TEMPLATE, {"tokens": _own_tokens(request), "now": now, **context}, status=status)
