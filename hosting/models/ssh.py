"""Public keys that people of a service sign in with over SSH."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.models.service import HostingService
from hosting.state.ssh import MAX_BLOB, MAX_COMMENT
from hosting.state.ssh import SshKey as SshKeyValue
from hosting.validators import (
    validate_ssh_blob,
    validate_ssh_comment,
    validate_ssh_fingerprint,
    validate_ssh_key,
    validate_ssh_key_type,
)


class SshKey(models.Model):
    """One public key; the private half never leaves its owner."""

    service = models.ForeignKey(HostingService, models.PROTECT, related_name="ssh_keys", verbose_name=_("service"))
    type = models.CharField(_("type"), max_length=40, validators=[validate_ssh_key_type])
    blob = models.CharField(_("key"), max_length=MAX_BLOB, validators=[validate_ssh_blob])
    comment = models.CharField(_("name"), max_length=MAX_COMMENT, blank=True, validators=[validate_ssh_comment])
    fingerprint = models.CharField(
        _("fingerprint"), max_length=64, validators=[validate_ssh_fingerprint], editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("SSH key")
        verbose_name_plural = _("SSH keys")
        ordering = ("id",)
        indexes = (models.Index(fields=["fingerprint"]), models.Index(fields=["comment"]))
        constraints = (models.UniqueConstraint(fields=["service", "fingerprint"], name="ssh_key_once"),)

    def __str__(self) -> str:
        return self.comment or self.fingerprint

    @property
    def value(self) -> SshKeyValue:
        """The key as nodes have it."""
        return SshKeyValue(self.type, self.blob, self.comment)

    def clean_fields(self, exclude: Any = None) -> None:
        """Type, data and fingerprint belong together.

        Raises:
            ValidationError: they do not.
        """
        super().clean_fields(exclude=exclude)
        if not {"type", "blob", "fingerprint"} & set(exclude or ()):
            validate_ssh_key(self.value, self.fingerprint)
