"""docs/openapi.json is what the API offers. Write it anew with UPDATE=1 when the API changes on purpose."""

import json
import os
from io import StringIO
from pathlib import Path

from django.core.management import call_command
from django.test import Client

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_committed_document_is_the_one_the_code_makes() -> None:
    made = StringIO()
    call_command("export_openapi_schema", api="registry.api.api", indent=2, sorted=True, stdout=made)
    text = made.getvalue().rstrip() + "\n"
    if os.environ.get("UPDATE"):
        DOCUMENT.write_text(text)
    assert DOCUMENT.read_text() == text, "run this test with UPDATE=1 and commit docs/openapi.json"


def test_every_operation_says_what_it_is_for_and_how_it_refuses() -> None:
    document = json.loads(DOCUMENT.read_text())
    assert document["openapi"].startswith("3.1")
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["tags"]
            assert operation["security"]
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_an_address_that_does_not_exist_is_a_problem_too() -> None:
    response = Client().get("/api/v1/nothing")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    page = Client().get("/nothing")
    assert page.status_code == 404
    assert b"nothing here that you may see" in page.content
