"""Templates of DNS records, the operators' or a reseller's."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Reseller, check_name_is_free
from hosting.state.record_templates import MAX_CHARACTERS


class RecordTemplate(models.Model):
    """Records that are put into a zone together, such as those of a mail provider."""

    name = models.CharField(_("name"), max_length=60)
    reseller = models.ForeignKey(
        Reseller,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="record_templates",
        verbose_name=_("reseller"),
        help_text=_("Whose it is; the operators' own is there for everybody."),
    )
    text = models.TextField(
        _("records"),
        max_length=MAX_CHARACTERS,
        help_text=_("As in a zone file; {domain}, {ip} and {ip6} stand for those of each zone."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("record template")
        verbose_name_plural = _("record templates")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=["reseller", "name"], name="record_template_once"),)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """One name is one template, among a reseller's and among the operators' own.

        Raises:
            ValidationError: the name is taken.
        """
        super().clean()
        check_name_is_free(self)
