"""The way in: sign-in, second factor, reset by letter, proof again; allauth's views, limited and recorded."""

from http import HTTPStatus
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.webauthn import views as passkeys
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import devices, throttle
from accounts.actors import actor_from_request
from accounts.interfaces import ADMIN, this_interface
from accounts.refusals import record_refusal, too_many
from accounts.session_keys import rotate
from accounts.verbs import PROOF
from accounts.views.impersonation import end_here
from audit.choices import Outcome
from audit.record import record
from observability import exemplars, metrics


class SignInView(account.LoginView):
    """E-mail address and password. The adapter limits and records."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Sign in, and measure how long it took."""
        with exemplars.timing(metrics.login_duration):
            return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Which door it is."""
        return super().get_context_data(**kwargs) | {"console": this_interface() == ADMIN}


class LimitedFactor:
    """A form that takes codes or passkeys: limited and recorded like a password."""

    request: HttpRequest

    def factor_owner(self) -> Any:
        """Whose second factor is asked for."""
        return self.request.user

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Take an attempt; a right answer gives it back."""
        self._email = self.factor_owner().email
        try:
            self._ticket = throttle.take(throttle.SECOND_FACTOR, request, self._email)
        except throttle.Throttled as limit:
            return too_many(request, limit, self._email)
        return super().post(request, *args, **kwargs)  # type: ignore[misc]

    def form_valid(self, form: Any) -> Any:
        """Right."""
        self._ticket.give_back()
        return super().form_valid(form)  # type: ignore[misc]

    def form_invalid(self, form: Any) -> Any:
        """Wrong: a login event."""
        record_refusal(self.request, self._email, "second_factor", user=self.factor_owner())
        return super().form_invalid(form)  # type: ignore[misc]


class SecondFactorView(LimitedFactor, factors.AuthenticateView):
    """The second step of a sign-in."""

    def factor_owner(self) -> Any:
        return self.stage.login.user


class PasskeySignInView(passkeys.LoginWebAuthnView):
    """Sign-in by a passkey alone, which is two factors: the device, and what opens it."""

    def form_invalid(self, form: Any) -> HttpResponse:
        record_refusal(self.request, "", "passkey")
        return super().form_invalid(form)


class Proving:
    """Proof given again: recorded, and the session gets a new key."""

    request: HttpRequest

    def form_valid(self, form: Any) -> Any:
        rotate(self.request)
        record(
            verb=PROOF, actor=actor_from_request(self.request), target=self.request.user,  # type: ignore[arg-type]
            outcome=Outcome.SUCCEEDED,
        )  # fmt: skip
        return super().form_valid(form)  # type: ignore[misc]


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class ProvePasswordView(Proving, account.ReauthenticateView):
    """The password again; the adapter limits it like a sign-in."""


@method_decorator(never_cache, name="dispatch")
class ProveCodeView(LimitedFactor, Proving, factors.ReauthenticateView):
    """A code again."""


@method_decorator(never_cache, name="dispatch")
class ProvePasskeyView(LimitedFactor, Proving, passkeys.ReauthenticateWebAuthnView):
    """A passkey again."""


class ResetView(account.PasswordResetView):
    """Ask for a letter: the same answer whether or not there is such an account."""

    def form_valid(self, form: Any) -> HttpResponse:
        email = form.cleaned_data["email"]
        try:
            throttle.take(throttle.RESET, self.request, email)
        except throttle.Throttled as limit:
            return too_many(self.request, limit, email)
        return super().form_valid(form)


@method_decorator(sensitive_post_parameters("password1", "password2"), name="dispatch")
@method_decorator(never_cache, name="dispatch")
@method_decorator(login_not_required, name="dispatch")
class ResetFromKeyView(account.PasswordResetFromKeyView):
    """A new password, by the link of a letter. Who can read the letter is known in this browser from now on."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The key moves from the address into the session; a page leads on.

        It is no redirect: where the letter was read on another site, browsers keep the session's Strict cookie back
        until somebody or something on our own page asks for the next one.
        """
        response = super().dispatch(request, *args, **kwargs)
        if request.method == "GET" and response.status_code == HTTPStatus.FOUND:
            context = {"title": _("New password"), "onward": response["Location"]}
            return render(request, "account/onward.html", context)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        devices.remember(self.request, response, self.reset_user.email)
        return response


class SignOutView(account.LogoutView):
    """Sign out; who acts as somebody else stops doing so."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(self.request, "impersonation", None) is not None:
            return end_here(self.request)
        return super().post(*args, **kwargs)
