"""What a gateway's clock was off by in one boot; which machine a gateway runs on, and which gateway it replaces."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("tracking", "0006_whereabouts")]

    operations = [
        migrations.AddField("gatewayboot", "fixed_at", models.DateTimeField(null=True)),
        migrations.AddField("gatewayboot", "fixed_mono_ms", models.BigIntegerField(null=True)),
        migrations.AddField(
            "gatewayboot",
            "correcting_epoch",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tracking.gatewayepoch",
            ),
        ),
        migrations.AddField("gatewayboot", "correcting_below", models.BigIntegerField(null=True)),
        migrations.AddIndex(
            "gatewayboot",
            models.Index(fields=["id"], condition=Q(correcting_epoch__isnull=False), name="boot_being_corrected"),
        ),
        migrations.AddField("gateway", "machine", models.CharField(default="", max_length=512)),
        migrations.AddField("gateway", "other_machine", models.CharField(default="", max_length=512)),
        migrations.AddField("gateway", "refused_machines", models.JSONField(default=list)),
        migrations.AddField("gateway", "held_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "gateway",
            "replaces",
            models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="replaced_by", to="tracking.gateway"
            ),
        ),
    ]
