from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("getapi", "0002_deliveries_while_they_run"),
    ]

    operations = [
        migrations.AddField(
            model_name="package",
            name="arrived",
            field=models.JSONField(default=list, help_text="Intervals of octets that responses brought which are looked at no more"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="counted",
            field=models.BooleanField(
                default=False,
                help_text="Of a single datastream: part of a download in the statistics; of a package: in its arrived",
            ),
        ),
    ]
