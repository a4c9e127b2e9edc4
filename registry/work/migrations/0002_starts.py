from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("work", "0001_initial")]

    operations = [
        migrations.AddField(model_name="run", name="starts", field=models.PositiveSmallIntegerField(default=0)),
    ]
