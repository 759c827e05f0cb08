"""Creates the audit table and the triggers that keep it append-only."""

import uuid

import django.core.serializers.json
from django.db import migrations, models

import audit.models
from audit.triggers import drop_triggers, install_triggers


def install(apps, schema_editor):
    """Protect the table from its first moment; ``post_migrate`` only repairs."""
    install_triggers(schema_editor.connection.alias)


def drop(apps, schema_editor):
    """Let the table be dropped when the migration is reversed."""
    drop_triggers(schema_editor.connection.alias)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="event id")),
                ("occurred_at", models.DateTimeField(db_index=True, default=audit.models.now_ms, verbose_name="time")),
                (
                    "actor_type",
                    models.CharField(
                        choices=[
                            ("user", "User"),
                            ("token", "API token"),
                            ("system", "System"),
                            ("anonymous", "Anonymous"),
                        ],
                        max_length=16,
                        verbose_name="actor type",
                    ),
                ),
                ("actor_id", models.CharField(blank=True, default="", max_length=64, verbose_name="actor id")),
                ("actor_login", models.CharField(blank=True, default="", max_length=191, verbose_name="actor")),
                ("actor_role", models.CharField(blank=True, default="", max_length=32, verbose_name="role")),
                ("actor_interface", models.CharField(blank=True, default="", max_length=32, verbose_name="interface")),
                ("actor_ip", models.CharField(blank=True, default="", max_length=45, verbose_name="IP address")),
                (
                    "session_digest",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="session digest"),
                ),
                (
                    "impersonator_id",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="impersonator id"),
                ),
                (
                    "impersonator_login",
                    models.CharField(blank=True, default="", max_length=191, verbose_name="impersonator"),
                ),
                ("verb", models.CharField(max_length=64, verbose_name="verb")),
                ("target_type", models.CharField(blank=True, default="", max_length=64, verbose_name="target type")),
                ("target_id", models.CharField(blank=True, default="", max_length=64, verbose_name="target id")),
                ("target_label", models.CharField(blank=True, default="", max_length=255, verbose_name="target")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("rolled_back", "Rolled back"),
                            ("denied", "Denied"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                        ],
                        max_length=16,
                        verbose_name="outcome",
                    ),
                ),
                ("reason", models.TextField(blank=True, default="", verbose_name="reason")),
                ("trace_id", models.CharField(blank=True, default="", max_length=32, verbose_name="trace id")),
                (
                    "correlation_id",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="correlation id"),
                ),
                ("request_id", models.CharField(blank=True, default="", max_length=36, verbose_name="request id")),
                ("operation_id", models.CharField(blank=True, default="", max_length=36, verbose_name="operation id")),
                (
                    "before",
                    models.JSONField(
                        blank=True,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                        verbose_name="before",
                    ),
                ),
                (
                    "after",
                    models.JSONField(
                        blank=True,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                        verbose_name="after",
                    ),
                ),
                ("node", models.CharField(blank=True, default="", max_length=191, verbose_name="node")),
                ("version", models.CharField(blank=True, default="", max_length=32, verbose_name="NPanel version")),
            ],
            options={
                "verbose_name": "audit event",
                "verbose_name_plural": "audit events",
                "ordering": ("-id",),
                "default_permissions": ("view",),
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["trace_id"], name="audit_trace"),
                    models.Index(fields=["correlation_id"], name="audit_correlation"),
                    models.Index(fields=["operation_id"], name="audit_operation"),
                    models.Index(fields=["target_type", "target_id"], name="audit_target"),
                    models.Index(fields=["target_label"], name="audit_target_label"),
                    models.Index(fields=["actor_login"], name="audit_actor"),
                    models.Index(fields=["verb"], name="audit_verb"),
                    models.Index(fields=["outcome"], name="audit_outcome"),
                ],
            },
        ),
        migrations.RunPython(install, drop),
    ]
