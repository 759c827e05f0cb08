"""What the API remembers of requests that carried an Idempotency-Key."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ApiIdempotencyKey(models.Model):
    """One keyed request and, once it has done its work, its answer; without an answer it is being carried out."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person"))
    key = models.CharField(_("key"), max_length=200)
    #: HMAC over method, path and body: the body may hold a password, so no plain digest of it is kept.
    digest = models.CharField(max_length=64)
    #: Who carries it out; one that takes over what a dead process left makes another, and the slow one rolls back.
    claim = models.UUIDField(default=uuid.uuid4)
    claimed_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    #: The answer without what is shown once.
    body = models.JSONField(null=True)
    location = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = (models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once"),)
        indexes = (models.Index(fields=["created_at"]),)

    def __str__(self) -> str:
        return self.key
