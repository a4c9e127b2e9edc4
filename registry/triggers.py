"""Rules that only triggers can hold, on both databases, put in after every migrate.

Not in a migration: SQLite rebuilds a table to alter a column, and its triggers are gone without a word. Making them again is
harmless. On either database a broken rule is an IntegrityError.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections

APPEND_ONLY = {  # and what may not be done to its rows; TRUNCATE is a right of the table's owner
    "tracking_locationevent": ("update", "delete"),  # what a gateway told is neither changed nor deleted
    "stock_stockmovement": ("update", "delete"),  # a mistake is corrected by a count
    "access_change": ("update",),  # the log of changes is only ever shortened, by age (access/retention.py)
}


@dataclass(frozen=True, slots=True)
class NoOverlap:
    """Rows of one asset whose spans never overlap. PostgreSQL holds that by the model's PostgresExclusion of the same name."""

    table: str
    name: str
    end: str = "to_at"
    only: str = "1"  # SQL of rows that count; {row} is the row


NO_OVERLAP = (
    NoOverlap("custody_custody", "custody_no_overlap"),
    NoOverlap("custody_bookingitem", "booking_no_overlap", only="{row}.active"),
)

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
        for rule in (rule for rule in NO_OVERLAP if rule.table in tables and connection.vendor == "sqlite"):
            for statement in _overlap_statements(rule):
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
    return {f"{table}_append_only_{verb}" for table, verbs in APPEND_ONLY.items() for verb in verbs}


def _statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [
            _POSTGRESQL_FUNCTION,
            f"""CREATE OR REPLACE TRIGGER {table}_append_only BEFORE {" OR ".join(APPEND_ONLY[table]).upper()} ON {table}
            FOR EACH ROW EXECUTE FUNCTION sightpost_append_only()""",
        ]
    return [
        f"""CREATE TRIGGER IF NOT EXISTS {table}_append_only_{verb} BEFORE {verb.upper()} ON {table}
        BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
        for verb in APPEND_ONLY[table]
    ]


def _overlap_statements(rule: NoOverlap) -> list[str]:
    """Times are stored as text that sorts as they do; an open end counts as the year 9999."""
    own_end, other_end = (f"COALESCE({row}.{rule.end}, '9999-12-31')" for row in ("NEW", "other"))
    clash = (
        f"{rule.only.format(row='NEW')} AND EXISTS (SELECT 1 FROM {rule.table} AS other"  # noqa: S608 - names of our own
        f" WHERE other.asset_id = NEW.asset_id AND other.id <> NEW.id AND {rule.only.format(row='other')}"
        f" AND other.from_at < {own_end} AND NEW.from_at < {other_end})"
    )
    return [
        f"""CREATE TRIGGER IF NOT EXISTS {rule.name}_{verb} BEFORE {verb.upper()} ON {rule.table}
        WHEN {clash} BEGIN SELECT RAISE(ABORT, '{rule.name}'); END"""
        for verb in ("insert", "update")
    ]
