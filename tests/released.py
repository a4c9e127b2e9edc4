"""A registry as a released version left it: its rows and keys, neutral of the database (test_released.py migrates them).

Before a release, with SIGHTPOST_REGISTRY_DATA_DIR set to an empty folder and DJANGO_SETTINGS_MODULE to registry.settings,
    python -m tests.released > tests/data/registry/<version>.json
fills a new database by the services of that version and writes what is then there. Such a file is never changed.
"""

import base64
import json
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

PASSWORD = "a long enough sentence"
APPS = ("access", "assets", "tracking")  # whose tables the first release has; a later one has more
WORKER = "tracking.IngestWorker"  # how a process is, not what anybody wants to keep
KEYS = ("mac-master-key", "secret-key")


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def load(released: dict[str, Any]) -> None:
    """Make the tables as the release had them, and put its rows and keys there."""
    from django.conf import settings
    from django.core.management.color import no_style
    from django.db import connection, transaction
    from django.db.migrations.executor import MigrationExecutor
    from django.db.models import DateTimeField

    for name, text in released["keys"].items():
        (settings.DATA_DIR / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (settings.DATA_DIR / name).write_text(text)
        (settings.DATA_DIR / name).chmod(0o600)
    executor = MigrationExecutor(connection)
    apps = executor.migrate([tuple(state) for state in released["migrations"]]).apps
    models = []
    with transaction.atomic():  # references are checked at its end
        for label, table in released["tables"].items():
            model = apps.get_model(label)
            fields = [next(f for f in model._meta.concrete_fields if f.attname == column) for column in table["columns"]]
            for field in fields:
                if isinstance(field, DateTimeField):
                    field.auto_now_add = field.auto_now = False  # of this state's own model: what the row says counts
            model._base_manager.bulk_create(
                model(**{field.attname: _value(field, value) for field, value in zip(fields, row, strict=True)})
                for row in table["rows"]
            )
            models.append(model)
        with connection.cursor() as cursor:
            for sql in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(sql)


def changed(released: dict[str, Any]) -> list[str]:
    """What the database of today does not have any more as the release had it, a line each."""
    from django.apps import apps

    lines = []
    for label, table in released["tables"].items():
        model = apps.get_model(label)
        there = {field.attname for field in model._meta.concrete_fields}
        lines += [f"{label}: {column} is gone" for column in table["columns"] if column not in there]
        columns = [column for column in table["columns"] if column in there]
        kept = [table["columns"].index(column) for column in columns]
        before = Counter(json.dumps([row[place] for place in kept], sort_keys=True) for row in table["rows"])
        now = Counter(json.dumps(row, sort_keys=True) for row in _rows(model, columns))
        lines += [f"{label}: {row} is gone" for row in before - now]
    return lines


def _rows(model: Any, columns: Iterable[str]) -> list[list[Any]]:
    return [[_text(value) for value in row] for row in model._base_manager.order_by("pk").values_list(*columns)]


def _text(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
        case bytes() | memoryview():
            return base64.b64encode(bytes(value)).decode()
    return value


def _value(field: Any, value: Any) -> Any:
    if value is not None and field.get_internal_type() == "BinaryField":
        return base64.b64decode(value)
    return value if field.get_internal_type() == "JSONField" else field.to_python(value)


def fill() -> dict[str, Any]:
    """Fill an empty database with today's services and return what is then there."""
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    call_command("migrate", verbosity=0)
    token = _a_day()
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    tables = {}
    for model in models:
        columns = [field.attname for field in model._meta.concrete_fields]
        if model._meta.label != WORKER and (rows := _rows(model, columns)):
            tables[model._meta.label] = {"columns": columns, "rows": rows}
    last = dict(sorted(MigrationRecorder(connection).applied_migrations()))
    return {
        "migrations": [[app, last[app]] for app in APPS],
        "password": PASSWORD,
        "token": token,
        "keys": {name: (settings.DATA_DIR / name).read_text() for name in KEYS if (settings.DATA_DIR / name).exists()},
        "tables": tables,
    }


def _a_day() -> str:
    """What a company does in a day. Return the text of a token."""
    from registry.access.models import User
    from registry.access.services import issue_token
    from registry.assets.models import Identifier
    from registry.assets.services import retire_identifier
    from sync.wire import Gap, Purpose, pack, seal
    from tests.registry_world import ROOT, event, make_world, tell_a_day

    User.objects.create_superuser("anna", password=PASSWORD)
    token = issue_token(by=ROOT, name="erp", scope="write")[1]
    world = make_world()
    tell_a_day(world)
    retire_identifier(by=ROOT, identifier_id=Identifier.objects.get(key="tag:LADDER-1").pk)
    gateway = world.gateway
    gateway.tell(event("seen", "tag:LADDER-2", "dock", ago_s=1.5 * 3600, read_point="belt-cam", deliberate=True))  # late
    gateway.tell_bodies(b'{"kind":"nonsense"}')
    first = next(gateway._seqs)
    gateway.say("events", seal(pack([], [Gap(first, first + 2, "power was lost")], gateway.epoch), Purpose.EVENTS, gateway.key))
    return token


def written(released: dict[str, Any]) -> str:
    """As JSON, a line for each row."""
    tables = ",\n".join(
        f'  {json.dumps(label)}: {{\n   "columns": {json.dumps(table["columns"])},\n   "rows": [\n'
        + ",\n".join(f"    {json.dumps(row)}" for row in table["rows"])
        + "\n   ]\n  }"
        for label, table in released["tables"].items()
    )
    rest = "".join(f" {json.dumps(name)}: {json.dumps(value)},\n" for name, value in released.items() if name != "tables")
    return f'{{\n{rest} "tables": {{\n{tables}\n }}\n}}\n'


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(written(fill()))
