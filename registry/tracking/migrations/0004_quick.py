"""Rows that change at every event leave the indexes alone, and nothing is looked up that is there anyway."""

import django.db.models.deletion
from django.db import migrations, models

from registry.db import OnPostgreSQL

UNCHECKED = {"db_constraint": False, "db_index": False, "on_delete": django.db.models.deletion.PROTECT}


class Migration(migrations.Migration):
    dependencies = [
        ("assets", "0002_inventory"),
        ("tracking", "0003_unchecked"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="locationevent", name="event_seq_once"),
        migrations.AddConstraint(
            model_name="locationevent",
            constraint=models.UniqueConstraint(fields=("epoch", "seq"), name="event_seq_once"),
        ),
        migrations.RemoveIndex(model_name="position", name="position_state_seen"),
        migrations.AlterField(
            model_name="position",
            name="location",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="positions",
                to="assets.location",
            ),
        ),
        migrations.AlterField(
            model_name="position",
            name="zone",
            field=models.ForeignKey(null=True, related_name="positions", to="tracking.zone", **UNCHECKED),
        ),
        migrations.RemoveConstraint(model_name="stay", name="one_open_stay"),
        migrations.AlterField(
            model_name="stay",
            name="asset",
            field=models.ForeignKey(related_name="stays", to="assets.asset", **UNCHECKED),
        ),
        migrations.AlterField(
            model_name="stay",
            name="location",
            field=models.ForeignKey(null=True, related_name="stays", to="assets.location", **UNCHECKED),
        ),
        # An index cannot tell PostgreSQL alone that a stay is over: it looks at the row anyway. SQLite keeps it.
        OnPostgreSQL(
            "DROP INDEX stay_location_span; CREATE INDEX stay_location_span ON tracking_stay (location_id, from_ts)",
            "DROP INDEX stay_location_span; CREATE INDEX stay_location_span ON tracking_stay (location_id, from_ts, to_ts)",
        ),
        # Room beside a row for its next version.
        OnPostgreSQL(
            "ALTER TABLE tracking_position SET (fillfactor = 70); ALTER TABLE tracking_stay SET (fillfactor = 85)",
            "ALTER TABLE tracking_position RESET (fillfactor); ALTER TABLE tracking_stay RESET (fillfactor)",
        ),
    ]
