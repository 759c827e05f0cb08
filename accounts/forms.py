"""Forms of the account pages."""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.adapters import WRONG_INTERFACE
from accounts.interfaces import may_enter
from accounts.refusals import record_refusal


class SignInForm(LoginForm):
    """E-mail address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label, password.help_text = _("E-mail address"), ""
        login.widget.attrs = {"autocomplete": "username webauthn", "autofocus": True, "maxlength": 190}
        password.widget.attrs = {"autocomplete": "current-password", "maxlength": 128}

    def clean(self) -> Any:
        """The password is right; say at once if the account belongs to the other interface."""
        data = super().clean()
        user: Any = self.user
        if user is not None and user.is_active and not may_enter(user):
            record_refusal(self.request, user.email, "wrong_interface", user=user)
            raise forms.ValidationError(WRONG_INTERFACE, code="wrong_interface")
        return data


class LanguageForm(forms.Form):
    """The language of the pages."""

    language = forms.ChoiceField(label=_("Language"), choices=())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = settings.LANGUAGES  # type: ignore[attr-defined]


class ProfileForm(forms.Form):
    """What a person is called."""

    name = forms.CharField(label=_("Name"), max_length=120, required=False)
