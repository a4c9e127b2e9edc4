"""What the broker keeps of gateways, readers and doors for other programs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tracking", "0010_settled")]

    operations = [
        migrations.CreateModel(
            name="Retained",
            fields=[
                ("topic", models.CharField(max_length=400, primary_key=True, serialize=False)),
                ("payload", models.JSONField()),
                ("told_at", models.DateTimeField()),
            ],
            options={"ordering": ["topic"]},
        ),
    ]
