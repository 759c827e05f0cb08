from typing import Any

from django.db import migrations, models


def copy_names(apps: Any, schema_editor: Any) -> None:
    """Operations from before get the name that their service's customer has now."""
    operations = apps.get_model("hosting", "Operation").objects.using(schema_editor.connection.alias)
    service = apps.get_model("hosting", "HostingService").objects.filter(pk=models.OuterRef("service"))
    operations.exclude(service=None).update(customer_name=models.Subquery(service.values("customer__name")[:1]))


class Migration(migrations.Migration):
    dependencies = [("hosting", "0006_operation_correlation")]

    operations = [
        migrations.AddField(
            model_name="operation",
            name="customer_name",
            field=models.CharField(blank=True, db_default="", max_length=190, verbose_name="customer"),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["customer_name"], name="hosting_ope_custome_4c0188_idx"),
        ),
        migrations.RunPython(copy_names, migrations.RunPython.noop, elidable=True),
    ]
