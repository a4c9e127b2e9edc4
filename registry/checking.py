"""`sightpost-registry check`: what a person has to do before the registry can run. Changes nothing."""

from pathlib import Path

from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from registry import secret_files
from registry.broker_process import find_mosquitto
from registry.configuration import Configuration
from registry.exits import CannotGoOn


def findings(configuration: Configuration) -> list[str]:
    """Return one sentence per problem, with its remedy."""
    found = [str(finding) for finding in checks.run_checks() if finding.level >= checks.WARNING and not finding.is_silenced()]
    found += _secrets(configuration)
    if configuration.broker.run:
        try:
            find_mosquitto(configuration.broker.mosquitto)
        except CannotGoOn as exc:
            found.append(str(exc))
    return found + _database()


def unapplied() -> int:
    """Return how many migrations the database still lacks. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _secrets(configuration: Configuration) -> list[str]:
    found = []
    for name in secret_files.ALL:
        try:
            secret_files.read(configuration.data_dir / name)
        except FileNotFoundError:
            continue  # made at the first start
        except (secret_files.ReadableByOthers, OSError) as exc:
            found.append(str(exc))
    return found


def _database() -> list[str]:
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return [f"There is no database {connection.settings_dict['NAME']} yet; run: sightpost-registry migrate"]
    try:
        missing = unapplied()
    except DatabaseError as exc:
        return [f"The database cannot be used: {exc}"]
    finally:
        connection.close()
    return [f"The database lacks {missing} migrations; run: sightpost-registry migrate"] if missing else []
