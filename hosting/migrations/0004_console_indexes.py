from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_doors"),
        ("hosting", "0003_governance"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="dnsrecord",
            index=models.Index(fields=["domain", "name", "type"], name="hosting_dns_domain__e5d82e_idx"),
        ),
        migrations.AddIndex(
            model_name="dnsrecord",
            index=models.Index(fields=["name"], name="hosting_dns_name_f406b9_idx"),
        ),
        migrations.AddIndex(
            model_name="domain",
            index=models.Index(fields=["name"], name="hosting_dom_name_c3a947_idx"),
        ),
        migrations.AddIndex(
            model_name="hostingservice",
            index=models.Index(fields=["out_of_sync"], name="hosting_hos_out_of__af5b7f_idx"),
        ),
        migrations.AddIndex(
            model_name="hostingservice",
            index=models.Index(fields=["created_at"], name="hosting_hos_created_4c2923_idx"),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["target_key", "created_at"], name="hosting_ope_target__e3ef83_idx"),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["created_at", "id"], name="hosting_ope_created_6ae85c_idx"),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["kind", "created_at"], name="hosting_ope_kind_9c7bc0_idx"),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["target_label"], name="hosting_ope_target__f845e8_idx"),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["actor_login"], name="hosting_ope_actor_l_707e3b_idx"),
        ),
    ]
