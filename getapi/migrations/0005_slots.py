from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("getapi", "0004_delivery_unsettled"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="reader",
            field=models.CharField(blank=True, help_text="While it holds a slot: whose, as a hash of his address", max_length=32),
        ),
        migrations.AddField(
            model_name="delivery",
            name="rate",
            field=models.PositiveBigIntegerField(help_text="Octets a second, while it runs", null=True),
        ),
    ]
