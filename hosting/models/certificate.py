"""Certificates that sites are served with. Only the worker can open their private keys."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hosting.choices import CertificateSource, CertificateState
from hosting.models.service import HostingService
from hosting.names import covers
from hosting.validators import validate_certificate_names, validate_fingerprint, validate_pem_chain

#: From so long before its end on a certificate should have been renewed.
SOON = timedelta(days=14)
#: PEM text of a chain and its key, together.
MAX_BYTES = 65_536


class Certificate(models.Model):
    """A certificate with those that vouch for it, and its sealed key. It is there as long as a domain uses it."""

    service = models.ForeignKey(HostingService, models.PROTECT, related_name="certificates", verbose_name=_("service"))
    name = models.CharField(_("name"), max_length=190, help_text=_("The first of its names."))
    names = models.JSONField(_("is for"), default=list, validators=[validate_certificate_names])
    source = models.CharField(
        _("source"), max_length=8, choices=CertificateSource.choices, default=CertificateSource.UPLOADED
    )
    chain_pem = models.TextField(_("chain"), max_length=MAX_BYTES, validators=[validate_pem_chain], editable=False)
    private_key_sealed = models.TextField(editable=False)
    key_type = models.CharField(_("key"), max_length=20)
    issuer = models.CharField(_("issued by"), max_length=190, blank=True)
    fingerprint = models.CharField("SHA-256", max_length=64, validators=[validate_fingerprint])
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"), db_index=True)
    created_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=["service", "fingerprint"], name="certificate_once"),)

    def __str__(self) -> str:
        return self.name

    @property
    def seal_context(self) -> str:
        """What the private key is sealed for: this certificate of this service, and no other."""
        return f"certificate:{self.service_id}:{self.fingerprint}:private_key"

    @property
    def state(self) -> CertificateState:
        """Whether browsers take it now, by its dates alone."""
        return self.state_at(timezone.now())

    @property
    def days_left(self) -> int:
        """Whole days until it ends; negative once it has."""
        return (self.not_after - timezone.now()).days

    @property
    def renew_from(self) -> datetime:
        """When a third of its life is left."""
        return self.not_after - (self.not_after - self.not_before) / 3

    def state_at(self, now: datetime) -> CertificateState:
        """Whether browsers take it then, by its dates alone."""
        if now >= self.not_after:
            return CertificateState.EXPIRED
        if now < self.not_before:
            return CertificateState.NOT_YET
        return CertificateState.EXPIRING if self.not_after - now < SOON else CertificateState.VALID

    def covers(self, host: str) -> bool:
        """Whether it is for a host name."""
        return covers(self.names, host)
