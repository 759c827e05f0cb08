"""FTP accounts of hosting services."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.models.service import HostingService
from hosting.validators import validate_ftp_folder, validate_ftp_name, validate_mail_hash

MAX_QUOTA_MB = 1_048_576


class FtpAccount(models.Model):
    """Somebody who may put files into a service, or one folder of it; only the hash of the password is kept."""

    service = models.ForeignKey(HostingService, models.PROTECT, related_name="ftp_accounts", verbose_name=_("service"))
    name = models.CharField(_("name"), max_length=65, unique=True, validators=[validate_ftp_name])
    password_hash = models.CharField(max_length=128, validators=[validate_mail_hash], editable=False)
    folder = models.CharField(
        _("folder"),
        max_length=200,
        blank=True,
        validators=[validate_ftp_folder],
        help_text=_("Relative to the service's home; empty for all of it."),
    )
    quota_mb = models.PositiveIntegerField(
        _("space (MiB)"),
        default=0,
        validators=[MaxValueValidator(MAX_QUOTA_MB)],
        help_text=_("0 for no limit but the plan's disk space."),
    )
    suspended = models.BooleanField(_("locked"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("FTP account")
        verbose_name_plural = _("FTP accounts")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
