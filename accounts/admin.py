"""People who sign in, and resellers: lists, forms, and the page of what guards a person's account."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.choices import Role
from accounts.console import FactsAdmin, ProvenAdmin
from accounts.models import Reseller, User
from accounts.person_pages import PersonPages
from accounts.services import people, resellers
from accounts.services.letters import ask_for_new_password
from accounts.services.people import is_last_admin

_ROLE_TONES = {Role.ADMIN: "info", Role.SUPPORT: "good"}


class PersonForm(forms.ModelForm):
    """A person. Their password is theirs: it is chosen by letter, or on the account page."""

    language = forms.ChoiceField(label=_("Language"), required=False, choices=())

    class Meta:
        model = User
        fields = ("email", "name", "role", "reseller", "language", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "language" in self.fields:
            self.fields["language"].choices = [("", _("The browser's")), *settings.LANGUAGES]  # type: ignore[attr-defined]

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


class NewPersonForm(PersonForm):
    """A person who is to be; operators get a first password from whoever makes them."""

    password_new = forms.CharField(
        label=_("First password"), required=False, strip=False, max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("For operators only. Customers and resellers get a letter and choose their own."),
    )  # fmt: skip

    def clean_password_new(self) -> str:
        """A password that is hard to guess, or none."""
        password = str(self.cleaned_data["password_new"])
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> dict[str, Any] | None:
        """Operators have a password from the start, and nobody else has one that somebody else knows."""
        data = super().clean() or self.cleaned_data
        operator, password = data.get("role") in (Role.ADMIN, Role.SUPPORT), data.get("password_new")
        if "password_new" not in self.errors and operator and not password:
            self.add_error("password_new", _("An operator needs a first password."))
        if "password_new" not in self.errors and password and not operator:
            self.add_error("password_new", _("Customers and resellers choose their own password. Leave this empty."))
        return data


def _stays_admin(data: dict[str, Any]) -> bool:
    return data.get("role") == Role.ADMIN and bool(data.get("is_active"))


@admin.register(User)
class UserAdmin(ProvenAdmin, PersonPages, FactsAdmin):
    """People. Each change is a service's, which also ends what no longer fits."""

    form = PersonForm
    list_display = ("login", "name", "role_badge", "sign_in", "last_seen")
    list_display_links = ("login",)
    list_filter = ("role", "is_active")
    search_fields = ("email__startswith", "name__startswith")
    search_help_text = _("E-mail address or name, from the beginning")
    fieldsets = ((None, {"fields": PersonForm.Meta.fields}),)
    add_fieldsets = ((None, {"fields": (*PersonForm.Meta.fields, "password_new")}),)
    change_form_template = "admin/accounts/user/change_form.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Neither yourself nor the last administrator."""
        if obj is not None and (obj.pk == request.user.pk or is_last_admin(obj)):
            return False
        return super().has_delete_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Only who is made now gets a password here."""
        return super().get_form(request, obj, change=change, **({} if obj else {"form": NewPersonForm}), **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Create or change through the services; who got no password gets a letter."""
        actor, data = actor_from_request(request), dict(form.cleaned_data)
        if change:
            people.change_person(actor=actor, user=obj, **data)  # type: ignore[arg-type]
            return
        password = str(data.pop("password_new")) or None
        made = people.create_person(actor=actor, password=password, **data)
        if password is None:
            ask_for_new_password(actor=actor, user=made)
        obj.pk, obj._state.adding = made.pk, False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete through the service."""
        people.delete_person(actor=actor_from_request(request), user=obj)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Nothing is kept of it: the audit log has before and after."""
        return []

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


@admin.register(Reseller)
class ResellerAdmin(ProvenAdmin, FactsAdmin):
    """Resellers. They are deactivated rather than deleted: their customers stay theirs."""

    list_display = ("name", "email", "active", "max_customers", "max_services")
    search_fields = ("name__startswith", "email__startswith")
    search_help_text = _("Name or e-mail, from the beginning")
    list_filter = ("is_active",)
    fields: ClassVar[tuple[str, ...]] = resellers.FIELDS

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Create or change through the services."""
        actor, data = actor_from_request(request), dict(form.cleaned_data)
        if change:
            resellers.change_reseller(actor=actor, reseller=obj, **data)  # type: ignore[arg-type]
            return
        made = resellers.create_reseller(actor=actor, **data)
        obj.pk, obj._state.adding = made.pk, False

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Nothing is kept of it: the audit log has before and after."""
        return []

    @admin.display(description=_("active"))
    def active(self, reseller: Reseller) -> str:
        return str(_("Yes")) if reseller.is_active else str(_("No"))
