"""What is at home in a place is told, and codes are walked in their order, by index alone; and on PostgreSQL what begins a value
of the company's own fields.

Counting by an index alone, PostgreSQL still looks up the rows of every page on which one has changed since it was vacuumed, and
a search reads all words written since. By itself it vacuums when a fifth of the rows have changed; after a tenth, spread over
all pages, counting takes four times as long."""

from django.db import migrations, models
from django.db.models.functions import Lower

from registry.db import OnPostgreSQL

VACUUMED = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
}
TABLES = ("assets_asset", "assets_identifier")


class Migration(migrations.Migration):
    dependencies = [("assets", "0004_orders")]

    operations = [
        migrations.AddIndex("asset", models.Index(fields=["home_location", "id"], name="asset_at_home")),
        migrations.AddIndex(
            "identifier",
            models.Index(Lower("key"), "asset", condition=models.Q(state="active"), name="identifier_by_code"),
        ),
        OnPostgreSQL(
            "CREATE INDEX custom_value_start ON assets_customvalue (start text_pattern_ops)", "DROP INDEX custom_value_start"
        ),
        *(
            OnPostgreSQL(
                f"ALTER TABLE {table} SET ({', '.join(f'{name} = {value}' for name, value in VACUUMED.items())})",
                f"ALTER TABLE {table} RESET ({', '.join(VACUUMED)})",
            )
            for table in TABLES
        ),
    ]
