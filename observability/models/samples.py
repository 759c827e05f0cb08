"""Samples: what the metrics said each minute, for the console's page on performance."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Sample(models.Model):
    """Totals and values at one minute. Totals only grow, but begin again at 0 when the whole panel is restarted."""

    #: A full minute: of two workers that take a sample, one writes it.
    at = models.DateTimeField(_("time"), unique=True)
    #: Used part of the fullest disk; a column of its own, since the forecast reads weeks of it.
    disk = models.FloatField(_("disk"), null=True)
    #: See observability.samples.Reading.
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
