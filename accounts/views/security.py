"""One's own account: what guards it, where it is open, what happened at its door, language and password."""

import time
from typing import Any

from allauth.account import views as account
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.mfa.webauthn.internal import auth
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.actors import actor_from_request
from accounts.forms import LanguageForm, ProfileForm
from accounts.fresh import fresh_proof
from accounts.middleware import ENROLLED_KEY
from accounts.models import ApiToken
from accounts.selectors import own_door_events
from accounts.services.people import change_own_profile
from accounts.services.sessions import end_all_sessions, end_session, open_sessions
from accounts.session_keys import rotate
from accounts.user_agents import in_words
from accounts.verbs import RECOVERY_CODES, SECOND_FACTOR_ADD, SECOND_FACTOR_CHANGE, SECOND_FACTOR_REMOVE
from audit.choices import Outcome
from audit.record import record
from audit.verbs import Verb

_CODES_KEY = "npanel_codes_until"
_CODES_SHOWN_S = 300
_SHOWN = 5
_HISTORY = 100

#: Proof given in the last minutes, or a full sign-in.


@require_safe
@never_cache
def overview(request: Any) -> HttpResponse:
    """What guards the account, where it is open, and what happened at its door."""
    rows = list(Authenticator.objects.filter(user=request.user).order_by("pk"))
    codes = next((row for row in rows if row.type == Authenticator.Type.RECOVERY_CODES), None)
    sessions = _sessions(request)
    context = {
        "title": _("Account and security"),
        "totp": next((row for row in rows if row.type == Authenticator.Type.TOTP), None),
        "passkeys": [row for row in rows if row.type == Authenticator.Type.WEBAUTHN],
        "codes_left": len(codes.wrap().get_unused_codes()) if codes is not None else None,
        "sessions": sessions[:_SHOWN],
        "session_count": len(sessions),
        "token_count": ApiToken.objects.filter(user=request.user, revoked_at=None).count(),
        "events": own_door_events(request.user)[:_SHOWN],
        "languages": settings.LANGUAGES,
        "profile_form": ProfileForm(initial={"name": request.user.name}),
    }
    return render(request, "account/security.html", context)


@require_safe
@never_cache
def sessions_page(request: Any) -> HttpResponse:
    """Where the account is open."""
    return render(request, "account/sessions.html", {"title": _("Sessions"), "sessions": _sessions(request)})


@require_POST
@fresh_proof
def session_end(request: Any, pk: int) -> HttpResponse:
    """Sign one browser out."""
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    own = session.session_key == request.session.session_key
    end_session(actor=actor_from_request(request), session=session)
    if own:
        request.session.flush()
        return HttpResponseRedirect(reverse("account_login"))
    messages.success(request, _("That session has ended."))
    return HttpResponseRedirect(reverse("account_sessions"))


@require_POST
def sessions_end_others(request: Any) -> HttpResponse:
    """Sign out everywhere but here."""
    end_all_sessions(actor=actor_from_request(request), user=request.user, but=request.session.session_key or "")
    messages.success(request, _("All other sessions have ended."))
    return HttpResponseRedirect(reverse("account_sessions"))


@require_safe
@never_cache
def history(request: Any) -> HttpResponse:
    """What happened at the account's door, from the audit log: one's own only."""
    context = {"title": _("Sign-in history"), "events": own_door_events(request.user)[:_HISTORY]}
    return render(request, "account/history.html", context)


@require_POST
def language(request: Any) -> HttpResponse:
    """Another language for the pages, from the next one on."""
    form = LanguageForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("There is no such language."))
    else:
        change_own_profile(actor=actor_from_request(request), user=request.user, language=form.cleaned_data["language"])
    return HttpResponseRedirect(reverse("account_security"))


@require_POST
def profile(request: Any) -> HttpResponse:
    """What the person is called."""
    form = ProfileForm(request.POST)
    if form.is_valid():
        change_own_profile(actor=actor_from_request(request), user=request.user, name=form.cleaned_data["name"])
        messages.success(request, _("Your name was saved."))
    else:
        messages.error(request, form.errors["name"].as_text())
    return HttpResponseRedirect(reverse("account_security"))


@method_decorator(sensitive_post_parameters("oldpassword", "password1", "password2"), name="dispatch")
@method_decorator(fresh_proof, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class PasswordView(account.PasswordChangeView):
    """Another password; all other sessions end."""


class Recorded:
    """A change of second factors: one event in the same transaction, and the session gets a new key."""

    request: HttpRequest
    verb: Verb
    kind = ""

    def form_valid(self, form: Any) -> Any:
        with transaction.atomic():
            response = super().form_valid(form)  # type: ignore[misc]
            record(
                verb=self.verb, actor=actor_from_request(self.request), target=self.request.user,  # type: ignore[arg-type]
                outcome=Outcome.SUCCEEDED, after={"kind": self.kind},
            )  # fmt: skip
        self.request.session.pop(ENROLLED_KEY, None)
        if getattr(self, "did_generate_recovery_codes", self.verb == RECOVERY_CODES):
            self.request.session[_CODES_KEY] = int(time.time()) + _CODES_SHOWN_S
        rotate(self.request)
        return response

    def get_success_url(self) -> str:
        """Where the codes are, when some were made; else the overview."""
        if getattr(self, "did_generate_recovery_codes", self.verb == RECOVERY_CODES):
            return reverse("mfa_view_recovery_codes")
        return reverse("account_security")


class AddAppView(Recorded, totp.ActivateTOTPView):
    """Add an authenticator app: the QR code is shown until the first code was typed, and never again."""

    verb, kind = SECOND_FACTOR_ADD, "totp"


class RemoveAppView(Recorded, totp.DeactivateTOTPView):
    """Remove the authenticator app."""

    verb, kind = SECOND_FACTOR_REMOVE, "totp"


class AddPasskeyView(Recorded, passkeys.AddWebAuthnView):
    """Add a passkey, which also signs in without a password."""

    verb, kind = SECOND_FACTOR_ADD, "webauthn"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Ask the browser for a key that is found by itself and opened by finger, face or PIN."""
        context = super().get_context_data(**kwargs)
        context["js_data"] = {"creation_options": auth.begin_registration(self.request.user, True)}
        return context


class RenamePasskeyView(Recorded, passkeys.EditWebAuthnView):
    """Another name for a passkey."""

    verb, kind = SECOND_FACTOR_CHANGE, "webauthn"


class RemovePasskeyView(Recorded, passkeys.RemoveWebAuthnView):
    """Remove a passkey."""

    verb, kind = SECOND_FACTOR_REMOVE, "webauthn"


class NewCodesView(Recorded, recovery.GenerateRecoveryCodesView):
    """New recovery codes; the former ones stop working."""

    verb, kind = RECOVERY_CODES, "recovery_codes"


@require_GET
@never_cache
@fresh_proof
def codes(request: Any) -> HttpResponse:
    """The recovery codes, for some minutes after they were made; later only how many are left."""
    unused = _unused_codes(request)
    context = {
        "title": _("Recovery codes"), "count": len(unused), "codes": unused if _codes_are_new(request) else [],
    }  # fmt: skip
    return render(request, "mfa/recovery_codes/index.html", context)


@require_GET
@never_cache
@fresh_proof
def codes_download(request: Any) -> HttpResponse:
    """The same as a text file, while they are shown."""
    if not _codes_are_new(request):
        raise Http404
    lines = [_("NPanel recovery codes of %(login)s") % {"login": request.user.email}, "", *_unused_codes(request), ""]
    response = HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="npanel-recovery-codes.txt"'
    return response


def _codes_are_new(request: HttpRequest) -> bool:
    return bool(request.session.get(_CODES_KEY, 0) > time.time())


def _unused_codes(request: Any) -> list[str]:
    row = get_object_or_404(Authenticator, user=request.user, type=Authenticator.Type.RECOVERY_CODES)
    return list(row.wrap().get_unused_codes())


def _sessions(request: Any) -> list[dict[str, Any]]:
    rows = open_sessions(request.user)
    here = request.session.session_key
    return [{"row": row, "program": in_words(row.user_agent), "here": row.session_key == here} for row in rows]
