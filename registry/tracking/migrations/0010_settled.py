"""What becomes of a refused record, with its frame; and gaps by the time they were declared."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("tracking", "0007_clocks_and_machines")]

    operations = [
        migrations.AddField("quarantine", "whole", models.BooleanField(default=False)),
        migrations.AddField("quarantine", "settled_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "quarantine",
            "outcome",
            models.CharField(
                blank=True,
                choices=[("taken_in", "taken in"), ("known", "known already"), ("discarded", "Discarded")],
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField("quarantine", "note", models.CharField(blank=True, default="", max_length=300)),
        migrations.AddConstraint(
            "quarantine",
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, outcome="") | Q(settled_at__isnull=False) & ~Q(outcome=""),
                name="quarantine_settled_with_outcome",
            ),
        ),
        migrations.AddIndex("gap", models.Index(fields=["declared_at"], name="gap_declared")),
    ]
