"""People who sign in: list, form, new password. Every change is recorded, and nobody locks themselves out."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.choices import Role
from accounts.console import FactsAdmin
from accounts.models import User
from accounts.verbs import USER_CHANGE, USER_CREATE, USER_DELETE
from audit.record import Target
from audit.verbs import Verb

_ROLE_TONES = {Role.ADMIN: "info", Role.SUPPORT: "good"}


class PersonForm(forms.ModelForm):
    """A person, and a password if it is to be a new one."""

    password_new = forms.CharField(
        label=_("New password"), required=False, strip=False, max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Left empty, it stays as it is."),
    )  # fmt: skip

    class Meta:
        model = User
        fields = ("email", "name", "role", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None and "password_new" in self.fields:
            self.fields["password_new"].required = True
            self.fields["password_new"].help_text = " ".join(password_validators_help_texts())

    def clean_password_new(self) -> str:
        """A password that is hard to guess, or none."""
        password = str(self.cleaned_data["password_new"])
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> dict[str, Any] | None:
        """The last administrator stays one."""
        data = super().clean()
        if (
            self.instance.pk is not None
            and data is not None
            and not _stays_admin(data)
            and is_last_admin(self.instance)
        ):
            raise ValidationError(_("This is the last administrator who may sign in. Make another one first."))
        return data


def _stays_admin(data: dict[str, Any]) -> bool:
    return data.get("role") == Role.ADMIN and bool(data.get("is_active"))


def is_last_admin(user: User) -> bool:
    """Whether nobody could administer the panel without this person."""
    others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk)
    stored = User.objects.filter(pk=user.pk, role=Role.ADMIN, is_active=True)
    return stored.exists() and not others.exists()


@admin.register(User)
class UserAdmin(FactsAdmin):
    """People."""

    form = PersonForm
    list_display = ("login", "name", "role_badge", "sign_in", "last_seen")
    list_display_links = ("login",)
    list_filter = ("role", "is_active")
    search_fields = ("email__startswith", "name__startswith")
    search_help_text = _("E-mail address or name, from the beginning")
    fieldsets = ((None, {"fields": ("email", "name", "role", "is_active", "password_new")}),)
    recorded = ("email", "name", "role", "is_active")
    verbs: ClassVar[dict[str, Verb]] = {"create": USER_CREATE, "change": USER_CHANGE, "delete": USER_DELETE}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Neither yourself nor the last administrator."""
        if obj is not None and (obj.pk == request.user.pk or is_last_admin(obj)):
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Save with the new password, if there is one."""
        if not form.cleaned_data.get("password_new") or not isinstance(obj, User):
            super().save_model(request, obj, form, change)
            return
        obj.set_password(form.cleaned_data["password_new"])
        super().save_model(request, obj, form, change)
        if obj.pk == request.user.pk:
            update_session_auth_hash(request, obj)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Nothing is kept of it: the audit log has before and after."""
        return []

    def _record(self, request: HttpRequest, what: str, target: Target, **states: Any) -> None:
        after = states.get("after")
        if after is not None and request.POST.get("password_new"):
            states["after"] = {**after, "sign_in": "new password"}
        super()._record(request, what, target, **states)

    @admin.display(description=_("person"), ordering="email")
    def login(self, user: User) -> str:
        return user.email

    @admin.display(description=_("role"))
    def role_badge(self, user: User) -> str:
        tone = _ROLE_TONES.get(Role(user.role), "neutral")
        return format_html('<span class="badge badge-plain tone-{}">{}</span>', tone, user.get_role_display())

    @admin.display(description=_("may sign in"))
    def sign_in(self, user: User) -> str:
        return str(_("Yes")) if user.is_active else str(_("No"))

    @admin.display(description=_("last sign-in"))
    def last_seen(self, user: User) -> str:
        if user.last_login is None:
            return str(_("never"))
        return f"{user.last_login:%Y-%m-%d %H:%M}"
