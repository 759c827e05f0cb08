"""Ways to act as a person besides their own sign-in: API tokens, and an operator's impersonation."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.one_line import check_lines


class ApiToken(models.Model):
    """A person's key for the API: a prefix to find it by and a SHA-256 of the rest; the key itself is shown once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens", verbose_name=_("person")
    )
    name = models.CharField(_("name"), max_length=80, help_text=_("What it is for."))
    prefix = models.CharField(_("begins with"), max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    cidrs = models.JSONField(_("allowed networks"), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    last_used_ip = models.GenericIPAddressField(_("last used from"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def clean(self) -> None:
        """The name is one line."""
        super().clean()
        check_lines(self)


class Impersonation(models.Model):
    """An operator acts as a customer's or reseller's person: with a reason, for 15 minutes at most.

    The console makes the row and hands a one-time ticket over to the customers' interface, which is another process
    with other cookies; redeeming the ticket there starts the session.
    """

    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("operator"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("acts as"))
    reason = models.CharField(_("reason"), max_length=300)
    ticket_digest = models.CharField(max_length=64, unique=True, editable=False)
    ticket_until = models.DateTimeField()
    started_at = models.DateTimeField(_("started"), null=True)
    until = models.DateTimeField(_("ends"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        verbose_name = _("impersonation")
        verbose_name_plural = _("impersonations")
        ordering = ("-id",)
        indexes = (models.Index(fields=["ended_at", "until"]),)

    def __str__(self) -> str:
        return f"{self.operator} as {self.user}"
