"""URLs of the account pages of both interfaces; names are allauth's where it looks for them."""

from typing import Any

from allauth.account import views as account
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from accounts.views import doors, impersonation, security, tokens


def _titled(view: Any, title: Any) -> Any:
    return view.as_view(extra_context={"title": title})


to_overview = RedirectView.as_view(pattern_name="account_security")

urlpatterns = [
    path("", security.overview, name="account_security"),
    path("login/", _titled(doors.SignInView, _("Sign in")), name="account_login"),
    path("logout/", _titled(doors.SignOutView, _("Sign out")), name="account_logout"),
    path("inactive/", _titled(account.AccountInactiveView, _("This account may not sign in")), name="account_inactive"),
    path("prove/", _titled(doors.ProvePasswordView, _("Is it you?")), name="account_reauthenticate"),
    path("prove/code/", _titled(doors.ProveCodeView, _("Is it you?")), name="mfa_reauthenticate"),
    path("prove/passkey/", _titled(doors.ProvePasskeyView, _("Is it you?")), name="mfa_reauthenticate_webauthn"),
    path("password/", _titled(security.PasswordView, _("Change password")), name="account_change_password"),
    path("password/set/", RedirectView.as_view(pattern_name="account_reset_password"), name="account_set_password"),
    path("password/reset/", _titled(doors.ResetView, _("Forgotten password")), name="account_reset_password"),
    path(
        "password/reset/sent/",
        _titled(account.PasswordResetDoneView, _("Look at your mail")),
        name="account_reset_password_done",
    ),
    path(
        "password/reset/key/<str:uidb36>/<str:key>/",
        _titled(doors.ResetFromKeyView, _("New password")),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        _titled(account.PasswordResetFromKeyDoneView, _("Your password was changed")),
        name="account_reset_password_from_key_done",
    ),
    path("language/", security.language, name="account_language"),
    path("profile/", security.profile, name="account_profile"),
    path("sessions/", security.sessions_page, name="account_sessions"),
    path("sessions/end-others/", security.sessions_end_others, name="account_sessions_end_others"),
    path("sessions/<int:pk>/end/", security.session_end, name="account_session_end"),
    path("tokens/", tokens.tokens, name="account_tokens"),
    path("tokens/new/", tokens.create, name="account_token_create"),
    path("tokens/<int:pk>/revoke/", tokens.revoke, name="account_token_revoke"),
    path("history/", security.history, name="account_history"),
    path("second-factor/", to_overview, name="mfa_index"),
    path("second-factor/step/", _titled(doors.SecondFactorView, _("Second step")), name="mfa_authenticate"),
    path("second-factor/app/", _titled(security.AddAppView, _("Add an authenticator app")), name="mfa_activate_totp"),
    path(
        "second-factor/app/remove/",
        _titled(security.RemoveAppView, _("Remove the authenticator app")),
        name="mfa_deactivate_totp",
    ),
    path("second-factor/codes/", security.codes, name="mfa_view_recovery_codes"),
    path("second-factor/codes/download/", security.codes_download, name="mfa_download_recovery_codes"),
    path(
        "second-factor/codes/new/",
        _titled(security.NewCodesView, _("New recovery codes")),
        name="mfa_generate_recovery_codes",
    ),
    path("passkeys/", to_overview, name="mfa_list_webauthn"),
    path("passkeys/login/", doors.PasskeySignInView.as_view(), name="mfa_login_webauthn"),
    path("passkeys/add/", _titled(security.AddPasskeyView, _("Add a passkey")), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/", _titled(security.RenamePasskeyView, _("Rename the passkey")), name="mfa_edit_webauthn"),
    path(
        "passkeys/<int:pk>/remove/",
        _titled(security.RemovePasskeyView, _("Remove the passkey")),
        name="mfa_remove_webauthn",
    ),
    path("impersonate/", impersonation.redeem, name="account_impersonation"),
    path("impersonate/end/", impersonation.end, name="account_impersonation_end"),
]
