"""A hold of a customer with all that is theirs.

In SQL of its own, which both databases take: on SQLite Django would make the table anew, and the triggers of events,
which ask it, refuse that.
"""

from django.db import migrations, models

_TABLE = "ALTER TABLE audit_legalhold"


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_sealing"),
    ]

    operations = [
        migrations.RunSQL(
            f"{_TABLE} ADD COLUMN target_label varchar(255) NOT NULL DEFAULT ''",
            f"{_TABLE} DROP COLUMN target_label",
            [
                migrations.AddField(
                    model_name="legalhold",
                    name="target_label",
                    field=models.CharField(blank=True, db_default="", max_length=255, verbose_name="name"),
                )
            ],
        ),
        migrations.RunSQL(
            f"{_TABLE} ADD COLUMN is_whole bool NOT NULL DEFAULT 0",
            f"{_TABLE} DROP COLUMN is_whole",
            [
                migrations.AddField(
                    model_name="legalhold",
                    name="is_whole",
                    field=models.BooleanField(db_default=False, verbose_name="with all that is theirs"),
                )
            ],
        ),
        migrations.RunSQL(
            f"{_TABLE} ADD COLUMN part_of bigint NULL",
            f"{_TABLE} DROP COLUMN part_of",
            [
                migrations.AddField(
                    model_name="legalhold",
                    name="part_of",
                    field=models.BigIntegerField(blank=True, null=True, verbose_name="part of"),
                )
            ],
        ),
    ]
