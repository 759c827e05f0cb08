"""Creates what proves the events: seals, checkpoints, segments, holds, keys, and the triggers of all."""

import django.utils.timezone
from django.db import migrations, models

from audit.triggers import drop_triggers, install_triggers


def install(apps, schema_editor):
    """Protect the tables from their first moment; ``post_migrate`` only repairs."""
    install_triggers(schema_editor.connection.alias)


def drop(apps, schema_editor):
    """Let the tables be dropped when the migration is reversed."""
    drop_triggers(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_actor_ip_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="seals")),
                ("head_hash", models.CharField(max_length=64, verbose_name="head")),
                ("made_at", models.DateTimeField(verbose_name="made")),
                ("key_id", models.CharField(max_length=32, verbose_name="key")),
                ("signature", models.CharField(max_length=128, verbose_name="signature")),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoints",
                "ordering": ("size",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("subject", models.CharField(max_length=96, primary_key=True, serialize=False, verbose_name="subject")),
                ("erased_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="erased")),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("target_type", models.CharField(blank=True, default="", max_length=64, verbose_name="target type")),
                ("target_id", models.CharField(blank=True, default="", max_length=64, verbose_name="target id")),
                ("since", models.DateTimeField(blank=True, null=True, verbose_name="since")),
                ("until", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("reason", models.TextField(verbose_name="reason")),
                ("placed_by", models.CharField(max_length=191, verbose_name="placed by")),
                ("placed_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="placed")),
                ("released_by", models.CharField(blank=True, default="", max_length=191, verbose_name="released by")),
                ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="released")),
            ],
            options={
                "verbose_name": "legal hold",
                "verbose_name_plural": "legal holds",
                "ordering": ("-id",),
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False, verbose_name="day")),
                ("first_seq", models.BigIntegerField(unique=True, verbose_name="first seal")),
                ("last_seq", models.BigIntegerField(unique=True, verbose_name="last seal")),
                ("count", models.BigIntegerField(verbose_name="events")),
                ("first_previous_hash", models.CharField(max_length=64, verbose_name="hash before")),
                ("last_hash", models.CharField(max_length=64, verbose_name="last hash")),
                ("archive", models.CharField(max_length=191, verbose_name="archive")),
                ("sha256", models.CharField(max_length=64, verbose_name="checksum")),
                ("previous_manifest", models.CharField(blank=True, max_length=64, verbose_name="previous manifest")),
                ("manifest", models.CharField(max_length=64, verbose_name="manifest hash")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="made")),
            ],
            options={
                "verbose_name": "audit segment",
                "verbose_name_plural": "audit segments",
                "ordering": ("day",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SubjectKey",
            fields=[
                ("subject", models.CharField(max_length=96, primary_key=True, serialize=False, verbose_name="subject")),
                ("key", models.CharField(max_length=64, verbose_name="key")),
            ],
            options={
                "verbose_name": "subject key",
                "verbose_name_plural": "subject keys",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                ("event_id", models.BigIntegerField(unique=True, verbose_name="event")),
                ("event_uid", models.UUIDField(verbose_name="event id")),
                ("commitments", models.CharField(max_length=160, verbose_name="commitments")),
                ("previous_hash", models.CharField(max_length=64, verbose_name="previous hash")),
                ("hash", models.CharField(max_length=64, verbose_name="hash")),
                ("sealed_at", models.DateTimeField(verbose_name="sealed")),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
                "ordering": ("seq",),
                "default_permissions": (),
                "indexes": [models.Index(fields=["sealed_at"], name="audit_sealed_at")],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
                ("kind", models.CharField(max_length=16, verbose_name="kind")),
                ("ok", models.BooleanField(verbose_name="sound")),
                ("size", models.BigIntegerField(default=0, verbose_name="seals")),
                ("head_hash", models.CharField(blank=True, default="", max_length=64, verbose_name="head")),
                ("finding", models.JSONField(blank=True, null=True, verbose_name="finding")),
            ],
            options={
                "verbose_name": "audit verification",
                "verbose_name_plural": "audit verifications",
                "ordering": ("-id",),
                "default_permissions": (),
                "indexes": [models.Index(fields=["kind", "-id"], name="audit_verified")],
            },
        ),
        migrations.RunPython(install, drop),
    ]
