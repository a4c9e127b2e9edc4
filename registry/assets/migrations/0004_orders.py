"""Lists of assets are sorted by name and number without regard to case, and a search compares numbers so: by index."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("assets", "0003_search")]

    operations = [
        migrations.AddIndex("asset", models.Index(Lower("name"), "id", name="asset_by_name")),
        migrations.AddIndex("asset", models.Index(Lower("asset_no"), "id", name="asset_by_number")),
        migrations.AddIndex("asset", models.Index(Lower("serial_no"), name="asset_by_serial_no")),
    ]
