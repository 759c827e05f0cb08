from typing import Any

from django.db import migrations, models


def forget_unsigned(apps: Any, schema_editor: Any) -> None:
    """Good results of before were not signed and would count as forged: the sealer's next look makes new ones."""
    looks = apps.get_model("audit", "Verification").objects.using(schema_editor.connection.alias)
    looks.filter(ok=True).exclude(kind="worker").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0004_holds_of_customers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasureProof",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                ("subject", models.CharField(db_index=True, max_length=96, verbose_name="subject")),
                ("key_id", models.CharField(max_length=32, verbose_name="key")),
                ("signature", models.CharField(max_length=128, verbose_name="signature")),
            ],
            options={
                "verbose_name": "proof of an erasure",
                "verbose_name_plural": "proofs of erasures",
                "default_permissions": (),
            },
        ),
        migrations.RemoveIndex(model_name="verification", name="audit_verified"),
        migrations.AddField(
            model_name="verification",
            name="key_id",
            field=models.CharField(blank=True, default="", max_length=32, verbose_name="key"),
        ),
        migrations.AddField(
            model_name="verification",
            name="signature",
            field=models.CharField(blank=True, default="", max_length=128, verbose_name="signature"),
        ),
        migrations.AddIndex(
            model_name="verification",
            index=models.Index(fields=["kind", "-at"], name="audit_looked"),
        ),
        migrations.RunPython(forget_unsigned, migrations.RunPython.noop),
    ]
