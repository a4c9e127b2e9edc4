"""What a search of 100,000 assets stands on: indexes that match what the ORM asks, word for word."""

import pytest
from django.db import connection

from registry.assets.models import Asset, Identifier

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "lookup", "word", "index"),
    [
        (Asset, "name__icontains", "pump", "asset_name_trigrams"),
        (Asset, "asset_no__icontains", "00471", "asset_no_trigrams"),
        (Asset, "serial_no__icontains", "sn-7", "asset_serial_no_trigrams"),
        (Identifier, "key__istartswith", "8004:06", "identifier_key_trigrams"),
        (Identifier, "key__iendswith", "00471", "identifier_key_trigrams"),
        (Identifier, "raw__iexact", "l-471", "identifier_raw_upper"),
        (Identifier, "raw__istartswith", "3074257B", "identifier_raw_upper"),
    ],
)
def test_postgresql_looks_up_what_is_searched(model: type[Asset | Identifier], lookup: str, word: str, index: str) -> None:
    asked = model._default_manager.filter(**{lookup: word}).order_by()
    if connection.vendor != "postgresql":
        assert list(asked) == []  # SQLite reads them all, and has fewer
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a plan for empty tables says little
    assert index in asked.explain()
