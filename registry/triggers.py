"""Rules that only triggers can hold, on both databases, put in after every migrate.

Not in a migration: SQLite rebuilds a table to alter a column, and its triggers are gone without a word. Making them again is
harmless. On either database a broken rule is an IntegrityError.
"""

from typing import Any

from django.apps import AppConfig
from django.db import connections

APPEND_ONLY = ("tracking_locationevent",)  # what a gateway told is neither changed nor deleted; TRUNCATE is a right of its owner

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION sightpost_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"""


def install(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """Receiver of post_migrate: make the triggers of the tables that exist."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in (t for t in APPEND_ONLY if t in tables):
            for statement in _statements(connection.vendor, table):
                cursor.execute(statement)


def remove(using: str = "default") -> None:
    """Take them out: for those who empty a whole database."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name in installed(using):
            on = f" ON {name.removesuffix('_append_only')}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")


def installed(using: str = "default") -> set[str]:
    """Return the names of our triggers that the database has."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE '%append_only%'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%append_only%'")
        return {name for (name,) in cursor.fetchall()}


def expected(using: str = "default") -> set[str]:
    if connections[using].vendor == "postgresql":
        return {f"{table}_append_only" for table in APPEND_ONLY}
    return {f"{table}_append_only_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")}


def _statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [
            _POSTGRESQL_FUNCTION,
            f"""CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION sightpost_append_only()""",
        ]
    return [
        f"""CREATE TRIGGER IF NOT EXISTS {table}_append_only_{verb} BEFORE {verb.upper()} ON {table}
        BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
        for verb in ("update", "delete")
    ]
