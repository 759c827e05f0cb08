"""Customers, the resellers who look after some of them, and who may sign in for a customer."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.choices import MemberAccess
from accounts.name_servers import validate_name_servers, words_of
from accounts.one_line import check_lines

if TYPE_CHECKING:
    from accounts.models.user import User


class Reseller(models.Model):
    """A company that sells hosting to customers of its own, within limits; an empty limit means unlimited."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    email = models.EmailField(_("contact e-mail"), max_length=190, blank=True)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Its people may sign in."))
    max_customers = models.PositiveIntegerField(_("customers"), null=True, blank=True, default=50)
    max_services = models.PositiveIntegerField(_("hosting services"), null=True, blank=True, default=100)
    max_disk_mb = models.PositiveIntegerField(
        _("disk space sold in all (MiB)"), null=True, blank=True, help_text=_("The sum over the plans of its services.")
    )
    name_servers = models.CharField(
        _("name servers of its own"),
        max_length=600,
        blank=True,
        validators=[validate_name_servers],
        help_text=_(
            "Host names, with blanks between them, that new domains are delegated to; empty for the nodes' own."
        ),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("reseller")
        verbose_name_plural = _("resellers")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The name is one line; name servers have one spelling."""
        super().clean()
        check_lines(self)
        self.name_servers = " ".join(words_of(self.name_servers))


class Customer(models.Model):
    """A person or company that owns hosting services."""

    #: Once per reseller (and once among the operator's own): what one reseller calls a customer is no other's business.
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("contact e-mail"), max_length=190, blank=True)
    notes = models.TextField(_("notes"), blank=True, max_length=4000)
    reseller = models.ForeignKey(
        Reseller, models.PROTECT, null=True, blank=True, related_name="customers", verbose_name=_("reseller")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["reseller", "name"], name="customer_name_once"),)
        indexes = (models.Index(fields=["name"]),)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """One name is one customer, also where there is no reseller (no unique constraint sees NULL).

        Raises:
            ValidationError: the name is taken.
        """
        super().clean()
        check_lines(self)
        check_name_is_free(self)


def check_name_is_free(row: "models.Model") -> None:
    """Refuse a name that another row of the same kind and the same reseller (or of none) has.

    Raises:
        ValidationError: it is taken.
    """
    others = type(row)._default_manager.filter(reseller=row.reseller, name=row.name)  # type: ignore[attr-defined]
    if others.exclude(pk=row.pk).exists():
        raise ValidationError({"name": _("This name is taken.")})


class Membership(models.Model):
    """Who may sign in for a customer, and how far: owners, and the sub-users they let in."""

    user: "models.ForeignKey[User, User]" = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="memberships", verbose_name=_("customer"))
    access = models.CharField(_("access"), max_length=8, choices=MemberAccess.choices, default=MemberAccess.VIEWER)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("customer", "user")
        constraints = (models.UniqueConstraint(fields=["user", "customer"], name="membership_once"),)

    def __str__(self) -> str:
        return f"{self.user} – {self.customer}"
