"""What was a customer's: names and keys that stay when the rows themselves are gone."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Belonging(models.Model):
    """A name that a customer had, or the type and key of something that was theirs, as audit events have them.

    Written when the row goes or the name changes; until then the tables say it. Logs and audit events keep their own
    words and ids: this only tells which of them a customer's name stands for, so it has no foreign keys either.
    """

    NAME = "name"

    customer_id = models.BigIntegerField(_("customer"))
    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=190)

    class Meta:
        default_permissions = ()
        verbose_name = _("what was a customer's")
        verbose_name_plural = _("what was customers'")
        constraints = (models.UniqueConstraint(fields=["customer_id", "kind", "key"], name="belonging_once"),)
        indexes = (models.Index(fields=["kind", "key"], name="belonging_key"),)

    def __str__(self) -> str:
        return f"{self.customer_id} {self.kind}:{self.key}"
