"""Records of DNS zones."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.models.domain import Domain
from hosting.validators import validate_record_content, validate_record_name, validate_record_type


class DnsRecord(models.Model):
    """One record of a domain's zone. SOA and the apex NS records come from the node and are not rows."""

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="records", verbose_name=_("domain"))
    name = models.CharField(
        _("name"),
        max_length=253,
        validators=[validate_record_name],
        help_text=_("Relative to the domain; @ for itself."),
    )
    type = models.CharField(_("type"), max_length=10, validators=[validate_record_type])
    content = models.TextField(_("content"), max_length=8192, validators=[validate_record_content])
    ttl = models.PositiveIntegerField(
        _("TTL (seconds)"), default=3600, validators=[MinValueValidator(30), MaxValueValidator(2147483647)]
    )

    class Meta:
        verbose_name = _("DNS record")
        verbose_name_plural = _("DNS records")
        ordering = ("name", "type", "id")
        indexes = (models.Index(fields=["domain", "name", "type"]), models.Index(fields=["name"]))

    def __str__(self) -> str:
        return f"{self.name} {self.type}"
