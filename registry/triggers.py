"""Rules that only triggers can hold, on both databases, put in after every migrate.

Not in a migration: SQLite rebuilds a table to alter a column, and its triggers are gone without a word. Making them again is
harmless. On either database a broken rule is an IntegrityError.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections

APPEND_ONLY = {  # and what may not be done to its rows; TRUNCATE is a right of the table's owner
    "tracking_locationevent": ("update", "delete"),  # what a gateway told is not changed, nor deleted but for MAY_GO
    "stock_stockmovement": ("update", "delete"),  # a mistake is corrected by a count
    "audits_expected": ("update",),  # what an audit expects is frozen, but for MAY_CHANGE
    "care_meterreading": ("update", "delete"),
    "care_assessment": ("update", "delete"),  # a mistake is corrected by another judgement
    "audits_evidence": ("update", "delete"),
    "audits_signature": ("update", "delete"),
    "access_change": ("update",),  # the log of changes is only ever shortened, by age (access/retention.py)
}

MAY_CHANGE = {  # columns, and when: the time we go by, once a gateway knows how wrong its clock was (tracking/correcting.py)
    "tracking_locationevent": (("happened_at", "clock_quality"), "NEW.clock_quality = 'corrected'"),
    "audits_expected": (("outcome", "evidence_id", "seen_at", "seen_location_id"), "TRUE"),  # what was seen of it
}
MAY_GO = {"tracking_locationevent": "OLD.kind = 'seen' AND NOT OLD.deliberate"}  # old sightings, summed up: tracking/pruning.py


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
            columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
            for statement in _statements(connection.vendor, table, columns):
                cursor.execute(statement)
        for rule in (rule for rule in NO_OVERLAP if rule.table in tables and connection.vendor == "sqlite"):
            for statement in _overlap_statements(rule):
                cursor.execute(statement)


def remove(using: str = "default") -> None:
    """Take them out: for those who empty a whole database."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name in installed(using):
            on = f" ON {name.partition('_append_only')[0]}" if connection.vendor == "postgresql" else ""
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
    changing = {f"{table}_append_only_change" for table in MAY_CHANGE}
    if connections[using].vendor == "postgresql":
        return changing | {f"{table}_append_only{'_delete' * (table in MAY_GO and verb == 'delete')}" for table, verb in _pairs()}
    return changing | {f"{table}_append_only_{verb}" for table, verb in _pairs()}


def _pairs() -> list[tuple[str, str]]:
    return [(table, verb) for table, verbs in APPEND_ONLY.items() for verb in verbs]


def _statements(vendor: str, table: str, columns: list[str]) -> list[str]:
    """One trigger a table on PostgreSQL, and one for what may be deleted of it under a condition; on SQLite one a verb. On both
    one more for columns that may change under a condition."""
    verbs, spared = APPEND_ONLY[table], MAY_GO.get(table)
    changing, when_changing = MAY_CHANGE.get(table, ((), ""))
    of_others = f" OF {', '.join(name for name in columns if name not in changing)}" if changing else ""
    if vendor == "postgresql":
        always = [verb for verb in verbs if verb != "delete" or spared is None]
        made = [_POSTGRESQL_FUNCTION, _on_postgresql(f"{table}_append_only", table, always, "", of_others)]
        if changing:
            when = f"WHEN (NOT ({when_changing}))"
            made.append(_on_postgresql(f"{table}_append_only_change", table, ["update"], when, f" OF {', '.join(changing)}"))
        if spared is not None:
            made.append(_on_postgresql(f"{table}_append_only_delete", table, ["delete"], f"WHEN (NOT ({spared}))"))
        return made
    made = []
    for verb in verbs:
        when = f"WHEN NOT ({spared})" if spared is not None and verb == "delete" else ""
        made += _on_sqlite(f"{table}_append_only_{verb}", table, verb.upper() + of_others * (verb == "update"), when)
    if changing:
        what, when = f"UPDATE OF {', '.join(changing)}", f"WHEN NOT ({when_changing})"
        made += _on_sqlite(f"{table}_append_only_change", table, what, when)
    return made


def _on_postgresql(name: str, table: str, verbs: list[str], when: str, of: str = "") -> str:
    what = " OR ".join(verb.upper() + of * (verb == "update") for verb in verbs)
    return f"""CREATE OR REPLACE TRIGGER {name} BEFORE {what} ON {table}
        FOR EACH ROW {when} EXECUTE FUNCTION sightpost_append_only()"""


def _on_sqlite(name: str, table: str, what: str, when: str) -> list[str]:
    return [
        f"DROP TRIGGER IF EXISTS {name}",  # an older one may have been stricter
        f"""CREATE TRIGGER {name} BEFORE {what} ON {table} {when}
        BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
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
