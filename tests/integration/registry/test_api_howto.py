"""The examples of docs/api.md are what the API takes and answers: each is sent as it stands there."""

import json
import re
import shlex
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any

import pytest
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from registry.access.services import issue_token
from registry.assets.own_fields import create_field
from tests.registry_world import ROOT, World, lasting

pytestmark = pytest.mark.django_db
HOWTO = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
EXAMPLE = re.compile(r"^(curl .*?)\n# (\d{3})", re.M | re.S)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        create_field(by=ROOT, key="rating", name="Rating", kind="number")
        yield world


def examples() -> list[tuple[str, int]]:
    """Command and status, in the order in which they stand there."""
    blocks = re.findall(r"^```sh\n(.*?)^```", HOWTO, re.M | re.S)
    return [(command, int(status)) for block in blocks for command, status in EXAMPLE.findall(block)]


def sent(command: str, known: dict[str, str]) -> Any:
    """What curl would send, through Django's own client."""
    words = shlex.split(Template(command.replace("\\\n", " ")).safe_substitute(known))
    method, address, body, headers, files = "", "", "", {}, {}
    following = iter(words[1:])
    for word in following:
        match word:
            case "-X":
                method = next(following)
            case "-H":
                name, _, value = next(following).partition(": ")
                headers[name] = value
            case "-d":
                body = next(following)
            case "-F":
                field, _, name = next(following).partition("=@")
                files[field] = BytesIO(b"asset_no,name\nNEW-1,New\n")
                files[field].name = name
            case _:
                address = word
    client, path = Client(), address.removeprefix(known["REGISTRY"])
    if files:
        return client.post(path, files, headers=headers)
    kind = headers.pop("Content-Type", "")
    return client.generic(method or ("POST" if body else "GET"), path, body, kind, headers=headers)


def test_the_examples_are_answered_as_it_says_there(world: World, db: None) -> None:
    pump = world.assets["Pump 7"]
    token = issue_token(by=ROOT, name="howto", scope="write")[1]
    known = {"REGISTRY": "https://registry.example", "TOKEN": token, "ASSET": str(pump.pk)}
    refusal: Any = None
    for command, status in examples():
        response = sent(command, known)
        assert response.status_code == status, (command, getattr(response, "content", b""))
        if response.headers.get("Content-Type", "").startswith("application/json"):
            said = response.json()
            known |= {"PREVIEW": said["token"]} if "steps" in said else {}
            known |= {"CURSOR": said["next"]} if said.get("next") else {}
        if "/assets/bulk" in command and status == 422:
            refusal = response.json()
    [shown] = re.findall(r"^```json\n(.*?)^```", HOWTO, re.M | re.S)
    assert refusal == json.loads(shown)


def test_there_are_examples_of_all_it_speaks_of() -> None:
    assert len(examples()) > 15
    statuses = {status for _, status in examples()}
    assert statuses >= {200, 201, 304, 412, 422, 428}
    commands = re.findall(r"^curl ", HOWTO, re.M)
    assert len(commands) == len(examples()), "each example says what it is answered with"
