"""Thousands of keys in one parameter of a query: a list of them would be as many parameters, and take longer than the query.

Keys are carried as the database writes them, so that nobody makes UUIDs of them on the way.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Expression, QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast


def keys_of(rows: QuerySet[Any, Any], most: int, name: str = "pk") -> list[str] | None:
    """The keys of these rows as the database writes them; None if there are more than `most`."""
    found = list(rows.order_by().values_list(Cast(name, TextField()), flat=True)[: most + 1])
    return found if len(found) <= most else None


def keys_of_any(parts: Iterable[tuple[QuerySet[Any, Any], str]], most: int) -> list[str] | None:
    """The same of the rows of several tables, each key once. With each comes what its key is called."""
    first, *others = (rows.order_by().values_list(Cast(name, TextField()), flat=True) for rows, name in parts)
    found = list(first.union(*others)[: most + 1])
    return found if len(found) <= most else None


def among(keys: Sequence[str]) -> Expression:
    """What stands behind `pk__in=`: the keys that keys_of() gave."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::uuid[])", ["{" + ",".join(keys) + "}"])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(keys)])
