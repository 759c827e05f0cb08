"""What proves the events: seals, signed checkpoints, segments, holds, and the keys of people's fields."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.models.append_only import AppendOnlyModel


class Seal(AppendOnlyModel):
    """One event's place in the chain (see :mod:`audit.canonical` for what is hashed)."""

    seq = models.BigIntegerField(_("number"), primary_key=True)
    event_id = models.BigIntegerField(_("event"), unique=True)
    event_uid = models.UUIDField(_("event id"))
    commitments = models.CharField(_("commitments"), max_length=160)
    previous_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)
    sealed_at = models.DateTimeField(_("sealed"))

    class Meta:
        default_permissions = ()
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        ordering = ("seq",)
        indexes = [models.Index(fields=["sealed_at"], name="audit_sealed_at")]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]}"


class Checkpoint(AppendOnlyModel):
    """The signed statement that the chain had ``size`` seals and ended with ``head_hash``."""

    size = models.BigIntegerField(_("seals"), primary_key=True)
    head_hash = models.CharField(_("head"), max_length=64)
    made_at = models.DateTimeField(_("made"))
    key_id = models.CharField(_("key"), max_length=32)
    signature = models.CharField(_("signature"), max_length=128)

    class Meta:
        default_permissions = ()
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        ordering = ("size",)

    def __str__(self) -> str:
        return f"{self.size} {self.head_hash[:12]}"


class Segment(AppendOnlyModel):
    """A UTC day's seals, archived and read back: while its row stands, its events may leave the database."""

    day = models.DateField(_("day"), primary_key=True)
    first_seq = models.BigIntegerField(_("first seal"), unique=True)
    last_seq = models.BigIntegerField(_("last seal"), unique=True)
    count = models.BigIntegerField(_("events"))
    first_previous_hash = models.CharField(_("hash before"), max_length=64)
    last_hash = models.CharField(_("last hash"), max_length=64)
    archive = models.CharField(_("archive"), max_length=191)
    sha256 = models.CharField(_("checksum"), max_length=64)
    previous_manifest = models.CharField(_("previous manifest"), max_length=64, blank=True)
    manifest = models.CharField(_("manifest hash"), max_length=64)
    made_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        default_permissions = ()
        verbose_name = _("audit segment")
        verbose_name_plural = _("audit segments")
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day} {self.first_seq}–{self.last_seq}"


class LegalHold(models.Model):
    """Events that stay, hot and archived, until somebody releases them; an empty target means all of the time.

    ``is_whole``: the target is a customer, and what is theirs is held too, each thing by a row that names this one in
    ``part_of``, also what they get later (hosting.services.holds). No foreign key: the record has none.
    """

    target_type = models.CharField(_("target type"), max_length=64, blank=True, default="")
    target_id = models.CharField(_("target id"), max_length=64, blank=True, default="")
    since = models.DateTimeField(_("since"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    reason = models.TextField(_("reason"))
    placed_by = models.CharField(_("placed by"), max_length=191)
    placed_at = models.DateTimeField(_("placed"), default=timezone.now)
    released_by = models.CharField(_("released by"), max_length=191, blank=True, default="")
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    target_label = models.CharField(_("name"), max_length=255, blank=True, db_default="")
    is_whole = models.BooleanField(_("with all that is theirs"), db_default=False)
    part_of = models.BigIntegerField(_("part of"), null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ("-id",)

    def __str__(self) -> str:
        where = f"{self.target_type}:{self.target_id}" if self.target_type else "*"
        return f"{where} {self.reason[:60]}"  # no name of a person: events copy this, and stay


class Verification(models.Model):
    """What a look at the record found: the chain's verifier or the doctor; see :mod:`audit.looks` for what counts."""

    at = models.DateTimeField(_("time"), default=timezone.now)
    kind = models.CharField(_("kind"), max_length=16)
    ok = models.BooleanField(_("sound"))
    size = models.BigIntegerField(_("seals"), default=0)
    head_hash = models.CharField(_("head"), max_length=64, blank=True, default="")
    finding: Any = models.JSONField(_("finding"), null=True, blank=True)
    key_id = models.CharField(_("key"), max_length=32, blank=True, default="")
    signature = models.CharField(_("signature"), max_length=128, blank=True, default="")

    class Meta:
        default_permissions = ()
        verbose_name = _("audit verification")
        verbose_name_plural = _("audit verifications")
        ordering = ("-id",)
        indexes = [models.Index(fields=["kind", "-at"], name="audit_looked")]

    def __str__(self) -> str:
        return f"{self.kind} {'sound' if self.ok else 'not sound'}"


class SubjectKey(models.Model):
    """The key of one person's or customer's fields (``user:7``); without it they can't be read or guessed any more."""

    subject = models.CharField(_("subject"), max_length=96, primary_key=True)
    key = models.CharField(_("key"), max_length=64)

    class Meta:
        default_permissions = ()
        verbose_name = _("subject key")
        verbose_name_plural = _("subject keys")

    def __str__(self) -> str:
        return self.subject


class Erasure(AppendOnlyModel):
    """Says that a subject's key was destroyed on purpose; its fields read ``erased`` from then on."""

    subject = models.CharField(_("subject"), max_length=96, primary_key=True)
    erased_at = models.DateTimeField(_("erased"), default=timezone.now)

    class Meta:
        default_permissions = ()
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")

    def __str__(self) -> str:
        return self.subject


class ErasureProof(AppendOnlyModel):
    """The sealer's signed word that the chain states an erasure at seal ``seq``; else blanked fields are damage."""

    seq = models.BigIntegerField(_("number"), primary_key=True)
    subject = models.CharField(_("subject"), max_length=96, db_index=True)
    key_id = models.CharField(_("key"), max_length=32)
    signature = models.CharField(_("signature"), max_length=128)

    class Meta:
        default_permissions = ()
        verbose_name = _("proof of an erasure")
        verbose_name_plural = _("proofs of erasures")

    def __str__(self) -> str:
        return f"{self.seq} {self.subject}"
