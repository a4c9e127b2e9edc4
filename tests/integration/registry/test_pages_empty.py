"""The first day: nothing is there yet, and every page says what to do next."""

import pytest
from django.test import Client

from tests.registry_world import make_user


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "sentence", "step"),
    [
        ("/", "No assets yet", "import a table"),
        ("/assets/", "No assets yet", "Import a table"),
        ("/places/", "No places yet", "Or map a zone on the live page"),
        ("/live/", "No gateway yet", "sightpost-registry gateways add"),
        ("/gateways/", "No gateway yet", "sightpost-registry gateways add"),
        ("/quarantine/", "Everything was taken in", "Nothing was refused"),
        ("/live/unknown/", "0 unknown tags", "every code that was read belongs to an asset"),
    ],
)
def test_an_empty_registry_says_what_to_do_first(client: Client, path: str, sentence: str, step: str) -> None:
    client.force_login(make_user())
    body = client.get(path).content.decode()
    assert sentence in body
    assert step in body
