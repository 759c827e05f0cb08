"""What django-allauth is told about NPanel: who may enter, where letters point, how secrets are kept."""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import devices, letters, sealing, throttle
from accounts.actors import actor_from_request
from accounts.interfaces import address, may_enter
from accounts.models import User
from accounts.refusals import record_refusal, too_many
from accounts.services.people import change_own_password
from observability import metrics

#: So long a full sign-in, or proof given again, counts as fresh.
FRESH = timedelta(minutes=5)
WRONG_INTERFACE = gettext_lazy("This account does not belong to this interface. Sign in on the other one.")


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by e-mail address and password."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": gettext_lazy("E-mail address and password do not belong together."),
        "incorrect_password": gettext_lazy("That is not your password."),
        "incorrect_code": gettext_lazy("That code is not right. Codes change every 30 seconds."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by operators, resellers and owners."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that the panel believes (X-Forwarded-For from configured proxies only)."""
        return getattr(request, "client_ip", "") or "0.0.0.0"  # noqa: S104 - stands for "not known", nothing listens

    # --- passwords

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Take an attempt before the password is compared.

        Raises:
            ImmediateHttpResponse: 429.
        """
        try:
            self._ticket = throttle.take(throttle.SIGN_IN, request, str(credentials.get("email", "")))
        except throttle.Throttled as limit:
            raise ImmediateHttpResponse(too_many(request, limit, str(credentials.get("email", "")))) from limit

    def _rollback_login_failed_rl_usage(self) -> None:
        """allauth calls this when the password was right."""
        self._ticket.give_back()

    def set_password(self, user: Any, password: str) -> None:
        """Every new password goes through the service that records it."""
        change_own_password(
            actor=actor_from_request(self.request, user), user=user, password=password,
            session_key=self.request.session.session_key or "",
        )  # fmt: skip

    # --- signing in

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Nobody gets in where their role does not belong, whichever way they proved who they are."""
        response = super().pre_login(request, user, **kwargs)
        if response is not None or may_enter(user):
            return response
        record_refusal(request, user.email, "wrong_interface", user=user)
        messages.error(request, WRONG_INTERFACE)
        return HttpResponseRedirect(reverse("account_login"))

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """This browser and this place are known for the account from now on."""
        response = super().post_login(request, user, **kwargs)
        devices.remember(request, response, user.email)
        throttle.remember_place(request, user.email)
        metrics.login_attempted("succeeded")
        return response

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Only what says something: neither "signed in" nor "signed out"."""
        template = kwargs.get("message_template") or (args[0] if args else "")
        if template not in ("account/messages/logged_in.txt", "account/messages/logged_out.txt"):
            super().add_message(request, level, *args, **kwargs)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_security")

    # --- proof again before what matters

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """A full sign-in of the last minutes is as good as proof given again."""
        records = get_authentication_records(self.request, self.request.user)
        last = max((float(row["at"]) for row in records), default=0.0)
        return timezone.now().timestamp() - last > FRESH.total_seconds()

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has a second factor proves it with that; the password alone is not enough."""
        methods = super().get_reauthentication_methods(user)
        second = [method for method in methods if str(method["id"]).startswith("mfa_")]
        return second or methods

    # --- letters

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _dash, token = key.partition("-")
        return address(reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token}))

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """To the address on record, whatever spelling was typed; to nobody whose role belongs elsewhere."""
        if isinstance(user, User) and may_enter(user):
            super().send_password_reset_mail(user, user.email, context)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """After the answer, so that its time does not tell whether there is such an account."""
        letter: EmailMessage = self.render_mail(template_prefix, email, {"email": email, **context})
        letters.send_later(letter)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Authenticator apps, passkeys and recovery codes."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def get_totp_issuer(self) -> str:
        return "NPanel"

    def _get_site_name(self) -> str:
        return "NPanel"

    def encrypt(self, text: str) -> str:
        """Keys of authenticator apps are kept sealed: a stolen database makes no codes."""
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.open_sealed(encrypted_text)

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number}
