from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("work", "0002_starts")]

    operations = [
        migrations.AlterField(model_name="outgoing", name="payload", field=models.JSONField(null=True)),
    ]
