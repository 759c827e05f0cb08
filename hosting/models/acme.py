"""Certificates that NPanel gets by itself (ACME): its accounts, what is kept for a domain, how often it asked."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import AutoCertificateState
from hosting.models.domain import Domain
from hosting.models.service import HostingService
from hosting.validators import validate_acme_url


class AcmeAccount(models.Model):
    """NPanel's account with one certificate authority. Only the worker can open its key."""

    directory = models.CharField(_("directory"), max_length=190, unique=True, validators=[validate_acme_url])
    #: Its address there; empty until it is registered.
    url = models.CharField(_("account"), max_length=300, blank=True, validators=[validate_acme_url], editable=False)
    key_sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("account with a certificate authority")
        verbose_name_plural = _("accounts with certificate authorities")

    def __str__(self) -> str:
        return self.directory

    @property
    def seal_context(self) -> str:
        """What the key is sealed for."""
        return f"acme:{self.directory}:account_key"


class AutoCertificate(models.Model):
    """That a domain is to have a certificate which NPanel gets and renews by itself, and how that goes."""

    domain = models.OneToOneField(
        Domain, models.CASCADE, related_name="auto_certificate", verbose_name=_("domain"), editable=False
    )
    wildcard = models.BooleanField(_("for all names below it too"), default=False)
    state = models.CharField(
        _("state"), max_length=8, choices=AutoCertificateState.choices, default=AutoCertificateState.WAITING
    )
    #: Why it waits or failed, as operations keep their errors.
    error = models.JSONField(null=True, editable=False)
    failures = models.PositiveSmallIntegerField(_("tries that failed"), default=0, editable=False)
    #: When the worker looks at it next: to ask again, or to renew. NULL: never.
    next_at = models.DateTimeField(_("next try"), null=True, editable=False, db_index=True)
    #: The operation that asks for it now, or asked last.
    operation = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("automatic certificate")
        verbose_name_plural = _("automatic certificates")
        ordering = ("domain__name",)

    def __str__(self) -> str:
        return self.domain.name

    @property
    def service(self) -> HostingService:
        """Whose it is."""
        return self.domain.service


class AcmeRequest(models.Model):
    """That an authority was asked for a certificate: it counts how often, so NPanel counts before it does."""

    #: The last two labels, by which authorities count.
    tail = models.CharField(max_length=190, editable=False)
    #: SHA-256 of the sorted names: the same names again count by themselves.
    names_key = models.CharField(max_length=64, editable=False)
    issued = models.BooleanField(default=False, editable=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("request to a certificate authority")
        verbose_name_plural = _("requests to certificate authorities")
        indexes = (
            models.Index(fields=["tail", "at"]),
            models.Index(fields=["names_key", "at"]),
            models.Index(fields=["at"]),
        )

    def __str__(self) -> str:
        return f"{self.tail} {self.at:%Y-%m-%d %H:%M}"
