"""Mail of domains: mailboxes, aliases, answers while somebody is away, and the keys that sign."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import DkimState
from hosting.models.domain import Domain
from hosting.models.service import HostingService
from hosting.validators import (
    validate_mail_address,
    validate_mail_addresses,
    validate_mail_hash,
    validate_mail_local_part,
    validate_mail_text,
)

MAX_QUOTA_MB, MAX_SENDS = 1_048_576, 100_000


class MailDomain(models.Model):
    """A domain that a service sends and receives mail for."""

    domain = models.OneToOneField(Domain, models.CASCADE, related_name="mail", verbose_name=_("domain"))
    remote = models.BooleanField(
        _("mail is delivered elsewhere"),
        default=False,
        help_text=_("Nothing is delivered here. MX records of your own that point elsewhere do the same."),
    )
    catch_all = models.CharField(
        _("mail to other addresses goes to"), max_length=254, blank=True, validators=[validate_mail_address]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("mail domain")
        verbose_name_plural = _("mail domains")
        ordering = ("domain__name",)

    def __str__(self) -> str:
        return self.domain.name

    @property
    def service(self) -> HostingService:
        """Whose it is."""
        return self.domain.service


class _Address(models.Model):
    """What stands before the @, in a mail domain."""

    local_part = models.CharField(_("name"), max_length=64, validators=[validate_mail_local_part])
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.local_part}@{self.mail.domain.name}"  # type: ignore[attr-defined]

    @property
    def service(self) -> HostingService:
        """Whose it is."""
        return self.mail.domain.service  # type: ignore[attr-defined]


class Mailbox(_Address):
    """An address with mail of its own; only the hash of its password is kept."""

    mail = models.ForeignKey(MailDomain, models.CASCADE, related_name="mailboxes", verbose_name=_("mail domain"))
    password_hash = models.CharField(max_length=128, validators=[validate_mail_hash], editable=False)
    quota_mb = models.PositiveIntegerField(
        _("space (MiB)"),
        default=1024,
        validators=[MaxValueValidator(MAX_QUOTA_MB)],
        help_text=_("0 for no limit but the plan's disk space."),
    )
    sends_per_hour = models.PositiveIntegerField(
        _("recipients an hour"),
        default=100,
        validators=[MaxValueValidator(MAX_SENDS)],
        help_text=_("0 for no limit but the plan's."),
    )
    suspended = models.BooleanField(_("suspended"), default=False)
    forward_to = models.JSONField(
        _("copies go to"), default=list, blank=True, validators=[validate_mail_addresses], editable=False
    )
    keep = models.BooleanField(_("keeps what it forwards"), default=True)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering = ("local_part", "id")
        constraints = (models.UniqueConstraint(fields=["mail", "local_part"], name="mailbox_once"),)
        indexes = (models.Index(fields=["local_part"]),)


class MailAlias(_Address):
    """An address whose mail goes to others; a forwarder, when those are elsewhere."""

    mail = models.ForeignKey(MailDomain, models.CASCADE, related_name="aliases", verbose_name=_("mail domain"))
    targets = models.JSONField(_("goes to"), default=list, validators=[validate_mail_addresses])

    class Meta:
        verbose_name = _("mail alias")
        verbose_name_plural = _("mail aliases")
        ordering = ("local_part", "id")
        constraints = (models.UniqueConstraint(fields=["mail", "local_part"], name="mail_alias_once"),)
        indexes = (models.Index(fields=["local_part"]),)


class Autoreply(models.Model):
    """What a mailbox answers by itself, between two days."""

    mailbox = models.OneToOneField(Mailbox, models.CASCADE, related_name="autoreply", verbose_name=_("mailbox"))
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"), max_length=10_000, validators=[validate_mail_text])
    start = models.DateField(_("first day"), null=True, blank=True)
    end = models.DateField(_("last day"), null=True, blank=True)

    class Meta:
        verbose_name = _("automatic answer")
        verbose_name_plural = _("automatic answers")

    def __str__(self) -> str:
        return self.subject


class DkimKey(models.Model):
    """A key that signs what is sent from a domain. Only the worker can open its private half."""

    mail = models.ForeignKey(MailDomain, models.CASCADE, related_name="dkim_keys", verbose_name=_("mail domain"))
    selector = models.CharField(_("selector"), max_length=63)
    public_key = models.TextField(_("public key"), max_length=1000)
    private_key_sealed = models.TextField(editable=False)
    state = models.CharField(_("state"), max_length=8, choices=DkimState.choices, default=DkimState.ACTIVE)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    retired_at = models.DateTimeField(_("retired"), null=True, editable=False)

    class Meta:
        verbose_name = _("DKIM key")
        verbose_name_plural = _("DKIM keys")
        ordering = ("selector",)
        constraints = (models.UniqueConstraint(fields=["mail", "selector"], name="dkim_selector_once"),)

    def __str__(self) -> str:
        return self.selector

    @property
    def seal_context(self) -> str:
        """What the private key is sealed for."""
        return f"dkim:{self.mail.domain.name}:{self.selector}"
