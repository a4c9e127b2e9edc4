from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make_persons(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Everybody who logs in is somebody who can have assets."""
    person = apps.get_model("access", "Person")
    for user in apps.get_model("access", "User").objects.filter(person__isnull=True):
        person.objects.create(name=user.username, email=user.email, user=user, active=user.is_active)


class Migration(migrations.Migration):
    dependencies = [("access", "0003_failures")]

    operations = [migrations.RunPython(make_persons, migrations.RunPython.noop)]
