"""Databases of hosting services and the accounts that use them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.models.service import HostingService
from hosting.validators import validate_charset, validate_database_host, validate_database_name, validate_password_hash


class Database(models.Model):
    """One MariaDB database; its name begins with the service's user name and an underscore."""

    service = models.ForeignKey(HostingService, models.PROTECT, related_name="databases", verbose_name=_("service"))
    name = models.CharField(_("name"), max_length=64, unique=True, validators=[validate_database_name])
    charset = models.CharField(_("character set"), max_length=32, default="utf8mb4", validators=[validate_charset])
    collation = models.CharField(
        _("collation"), max_length=64, default="utf8mb4_unicode_ci", validators=[validate_charset]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("database")
        verbose_name_plural = _("databases")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class DatabaseUser(models.Model):
    """One MariaDB account; only the hash of its password is kept."""

    service = models.ForeignKey(
        HostingService, models.PROTECT, related_name="database_users", verbose_name=_("service")
    )
    name = models.CharField(_("name"), max_length=80, validators=[validate_database_name])
    host = models.CharField(
        _("may connect from"), max_length=60, default="localhost", validators=[validate_database_host]
    )
    password_hash = models.CharField(max_length=41, validators=[validate_password_hash], editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("database user")
        verbose_name_plural = _("database users")
        ordering = ("name", "host")
        constraints = (models.UniqueConstraint(fields=["name", "host"], name="database_user_once"),)

    def __str__(self) -> str:
        return f"{self.name}@{self.host}"


class DatabaseGrant(models.Model):
    """What an account may do in a database."""

    user = models.ForeignKey(DatabaseUser, models.CASCADE, related_name="grants", verbose_name=_("user"))
    database = models.ForeignKey(Database, models.CASCADE, related_name="grants", verbose_name=_("database"))
    privileges = models.JSONField(_("privileges"), default=list)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = (models.UniqueConstraint(fields=["user", "database"], name="database_grant_once"),)

    def __str__(self) -> str:
        return f"{self.user} on {self.database}"
