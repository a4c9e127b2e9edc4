"""`sightpost-registry migrate`: the database as this version wants it. Runs before anything else opens it."""

from pathlib import Path

from django.core.management import call_command
from django.db import connection

from registry import secret_files
from registry.configuration import Configuration


def run(configuration: Configuration) -> None:
    """Raises DatabaseError, OSError."""
    for name in secret_files.RANDOM:
        secret_files.read_or_make(configuration.data_dir, name)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("clearsessions")
    from registry.tracking.models import IngestWorker

    IngestWorker.objects.update(connected=False)  # what a killed worker left must not look alive
    if connection.vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).chmod(0o600)
    connection.close()
