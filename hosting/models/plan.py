"""The limits that are sold."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Reseller, check_name_is_free
from hosting.choices import SshMode


class HostingPlan(models.Model):
    """A named set of limits; an empty limit means unlimited."""

    name = models.CharField(_("name"), max_length=80)
    reseller = models.ForeignKey(
        Reseller,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        verbose_name=_("reseller"),
        help_text=_("Who sells it; empty for the operator's own."),
    )
    for_resellers = models.BooleanField(
        _("resellers may sell it"), default=False, help_text=_("Counts for the operator's own plans.")
    )
    disk_mb = models.PositiveIntegerField(_("disk space (MiB)"), null=True, blank=True)
    domains = models.PositiveIntegerField(_("domains"), null=True, blank=True, default=1)
    databases = models.PositiveIntegerField(_("databases"), null=True, blank=True, default=1)
    database_users = models.PositiveIntegerField(_("database users"), null=True, blank=True, default=2)
    dns_records = models.PositiveIntegerField(_("DNS records per domain"), null=True, blank=True, default=100)
    mailboxes = models.PositiveIntegerField(_("mailboxes"), null=True, blank=True, default=10)
    mails_per_hour = models.PositiveIntegerField(_("recipients of mail an hour"), null=True, blank=True, default=500)
    ftp_accounts = models.PositiveIntegerField(_("FTP accounts"), null=True, blank=True, default=2)
    ssh = models.CharField(
        _("SSH access"),
        max_length=8,
        choices=SshMode.choices,
        default=SshMode.SFTP,
        help_text=_("The most that a service under this plan can have."),
    )
    php_processes = models.PositiveSmallIntegerField(_("PHP processes"), default=5)
    memory_mb = models.PositiveIntegerField(_("memory of one PHP process (MiB)"), default=256)
    cpu_percent = models.PositiveSmallIntegerField(_("CPU (per cent of one core)"), null=True, blank=True)

    class Meta:
        verbose_name = _("hosting plan")
        verbose_name_plural = _("hosting plans")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["reseller", "name"], name="plan_name_once"),)
        indexes = (models.Index(fields=["name"]),)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """One name is one plan, among a reseller's and among the operator's own.

        Raises:
            ValidationError: the name is taken.
        """
        super().clean()
        check_name_is_free(self)
