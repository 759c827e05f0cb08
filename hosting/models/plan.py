"""The limits that are sold."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class HostingPlan(models.Model):
    """A named set of limits; an empty limit means unlimited."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    disk_mb = models.PositiveIntegerField(_("disk space (MiB)"), null=True, blank=True)
    domains = models.PositiveIntegerField(_("domains"), null=True, blank=True, default=1)
    databases = models.PositiveIntegerField(_("databases"), null=True, blank=True, default=1)
    database_users = models.PositiveIntegerField(_("database users"), null=True, blank=True, default=2)
    dns_records = models.PositiveIntegerField(_("DNS records per domain"), null=True, blank=True, default=100)
    mailboxes = models.PositiveIntegerField(_("mailboxes"), null=True, blank=True, default=10)
    ftp_accounts = models.PositiveIntegerField(_("FTP accounts"), null=True, blank=True, default=2)
    php_processes = models.PositiveSmallIntegerField(_("PHP processes"), default=5)
    memory_mb = models.PositiveIntegerField(_("memory of one PHP process (MiB)"), default=256)
    cpu_percent = models.PositiveSmallIntegerField(_("CPU (per cent of one core)"), null=True, blank=True)

    class Meta:
        verbose_name = _("hosting plan")
        verbose_name_plural = _("hosting plans")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
