"""What is left of sightings that were too old to keep."""

import django.db.models.deletion
from django.db import migrations, models

import registry.db


class Migration(migrations.Migration):
    dependencies = [("assets", "0004_orders"), ("tracking", "0004_quick")]

    operations = [
        migrations.CreateModel(
            name="SeenMonth",
            fields=[
                ("id", models.UUIDField(default=registry.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ("month", models.DateField()),
                ("count", models.PositiveBigIntegerField()),
                ("first", models.DateTimeField()),
                ("last", models.DateTimeField()),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="seen_months", to="assets.asset"
                    ),
                ),
                (
                    "zone",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seen_months",
                        to="tracking.zone",
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("asset", "month", "zone"), name="seen_month_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("zone__isnull", True)), fields=("asset", "month"), name="seen_month_once_nowhere"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("count__gt", 0), ("last__gte", models.F("first"))), name="seen_month_of_something"
                    ),
                ],
            },
        ),
    ]
