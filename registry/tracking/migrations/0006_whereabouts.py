"""Counts per place without a look at the positions themselves, and events of all assets in the order they happened."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assets", "0002_inventory"), ("tracking", "0005_seen_months")]

    operations = [
        migrations.AlterField(
            model_name="position",
            name="location",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="positions",
                to="assets.location",
            ),
        ),
        migrations.AddIndex(
            model_name="position", index=models.Index(fields=["location", "state", "asset"], name="position_whereabouts")
        ),
        migrations.AddIndex(model_name="locationevent", index=models.Index(fields=["happened_at"], name="event_happened")),
    ]
