"""What `check` says of a database that lacks what `migrate` needs and may not add."""

import pytest
from django.db import connection

from registry.checking import EXTENSIONS, _extensions
from registry.db import extensions_out_of_reach

pytestmark = pytest.mark.django_db


def test_what_only_a_superuser_can_add_is_said_with_the_sentence_to_run() -> None:
    assert _extensions() == []
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_trgm CASCADE")
        assert _extensions() == []  # the owner of the database may add what PostgreSQL trusts
        cursor.execute(f'REVOKE CREATE ON DATABASE "{connection.settings_dict["NAME"]}" FROM PUBLIC, CURRENT_USER')
        [said] = _extensions()
    assert "pg_trgm" in said
    assert said.endswith(f'psql -d {connection.settings_dict["NAME"]} -c "CREATE EXTENSION pg_trgm"')
    assert extensions_out_of_reach(["no_such"]) == {"no_such": "package"}
    assert set(EXTENSIONS) == {"btree_gist", "pg_trgm"}
