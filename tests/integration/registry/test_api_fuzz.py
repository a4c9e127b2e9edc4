"""The API against whatever its own document allows, and what it does not: nothing makes it fail, and every answer is as the
document says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from pytest_django.plugin import DjangoDbBlocker
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from registry.api import api
from registry.assets.models import CostCenter, CustomField, Tag
from registry.tracking.models import UnknownTag, Zone
from tests.registry_world import Caller, World, lasting, tell_a_day

pytestmark = pytest.mark.django_db
EXAMPLES = 2  # of each operation
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


def _document() -> dict[str, Any]:
    document: dict[str, Any] = dict(api.get_openapi_schema())
    return document


schema = schemathesis.openapi.from_dict(
    _document(), config=SchemathesisConfig.from_dict({"generation": {"mode": "all"}, "phases": {"coverage": {"enabled": False}}})
)
schema.app = get_wsgi_application()


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[str, dict[str, Any]]]:
    for signal in (request_started, request_finished):  # as Django's own test client does: the connection is the tests'
        signal.disconnect(close_old_connections)
    with lasting(django_db_blocker, tell_a_day) as world:
        yield Caller().headers["Authorization"], _ids(world)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _ids(world: World) -> dict[str, Any]:
    """Something that is there for each parameter of a path: unknown ids would end as 404 and try nothing."""
    pump = world.assets["Pump 7"]
    word = Tag.objects.create(name="word").pk
    CostCenter.objects.create(pk=word, code="1", name="one")
    CustomField.objects.create(pk=word, key="one", name="One", type="number")
    return {
        "asset_id": str(pump.pk),
        "identifier_id": str(pump.identifiers.get().pk),
        "location_id": str(world.places["Dock"].pk),
        "category_id": str(world.categories["Tools"].pk),
        "zone_id": str(Zone.objects.first().pk),  # type: ignore[union-attr]
        "tag_id": str(UnknownTag.objects.first().pk),  # type: ignore[union-attr]
        "word_id": str(word),
        "field_id": str(word),
    }


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")  # it is asked the way that no server of ours asks
@schema.parametrize()
@settings(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_nothing_makes_it_fail(case: Any, made: tuple[str, dict[str, Any]]) -> None:
    token, ids = made
    for name in case.path_parameters.keys() & ids.keys():
        case.path_parameters[name] = ids[name]
    point = transaction.savepoint()
    response = case.call(headers={"Authorization": token, "If-Match": "*"})
    transaction.savepoint_rollback(point)
    case.validate_response(response, checks=CHECKS)
