"""The newest changes of one type of thing, without reading those of all others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0004_persons_of_users")]

    operations = [
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["object_type", "id"], name="change_type"),
        ),
    ]
