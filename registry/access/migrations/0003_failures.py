import registry.db
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_inventory"),
    ]

    operations = [
        migrations.CreateModel(
            name="Failure",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["last_at"], name="failure_last_at")],
            },
        ),
        migrations.CreateModel(
            name="IdempotentAnswer",
            fields=[
                ("id", models.UUIDField(default=registry.db.uuid7, editable=False, primary_key=True, serialize=False)),
                ("caller", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=200)),
                ("request_hash", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField(default=b"")),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["created_at"], name="idempotent_created")],
                "constraints": [models.UniqueConstraint(fields=("caller", "key"), name="idempotent_once_per_caller")],
            },
        ),
    ]
