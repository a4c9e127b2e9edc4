"""`sightpost-registry check`: what a person has to do before the registry can run. Changes nothing."""

from pathlib import Path

from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from registry import broker_files, secret_files
from registry.broker_process import find_mosquitto
from registry.configuration import Configuration
from registry.db import extensions_out_of_reach
from registry.exits import CannotGoOn

EXTENSIONS = ("btree_gist", "pg_trgm")  # what overlaps and searches are held by; `migrate` adds them where it may


def findings(configuration: Configuration) -> list[str]:
    """Return one sentence per problem, with its remedy."""
    found = [str(finding) for finding in checks.run_checks() if finding.level >= checks.WARNING and not finding.is_silenced()]
    found += _secrets(configuration)
    found += broker_files.problems(configuration)
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
        found = _extensions()
    except DatabaseError as exc:
        return [f"The database cannot be used: {exc}"]
    finally:
        connection.close()
    return found + ([f"The database lacks {missing} migrations; run: sightpost-registry migrate"] if missing else [])


def _extensions() -> list[str]:
    """What PostgreSQL has to be given before `migrate` can, where this user may not give it. Raises DatabaseError."""
    if connection.vendor != "postgresql":
        return []
    found = []
    for name, lacking in extensions_out_of_reach(EXTENSIONS).items():
        if lacking == "package":
            found.append(f"PostgreSQL does not have {name}; install its contrib modules (on Debian they come with postgresql)")
        else:
            statement = f"CREATE EXTENSION {name}"
            found.append(
                f"This database user may not add {name} to the database; run as a superuser of PostgreSQL:"
                f' psql -d {connection.settings_dict["NAME"]} -c "{statement}"'
            )
    return found
