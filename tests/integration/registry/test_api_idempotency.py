"""A POST that is sent again with the same key is answered again and not done again."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from registry.access.models import IdempotentAnswer
from registry.access.services import issue_token
from registry.assets.models import Asset
from tests.registry_world import ROOT, Caller


def send(caller: Caller, name: str = "Pump", key: str = "k-1", path: str = "/assets") -> Any:
    return caller("POST", path, {"name": name}, headers={"Idempotency-Key": key})


@pytest.mark.django_db
def test_the_same_request_is_answered_again_and_not_done_again() -> None:
    caller = Caller()
    first, again = send(caller), send(caller)
    assert (first.status_code, again.status_code, Asset.objects.count()) == (201, 201, 1)
    assert again.content == first.content
    assert [again[name] for name in ("Location", "ETag")] == [first[name] for name in ("Location", "ETag")]
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")


@pytest.mark.django_db
def test_a_key_is_for_one_request_of_one_caller() -> None:
    caller = Caller()
    send(caller)
    other = send(caller, name="Drill")
    assert (other.status_code, other["Content-Type"]) == (422, "application/problem+json")
    assert "new key" in other.json()["detail"]
    elsewhere = send(caller, path="/categories")
    assert elsewhere.status_code == 422
    caller.headers = {"Authorization": f"Bearer {issue_token(by=ROOT, name='other', scope='write')[1]}"}
    assert send(caller).status_code == 201
    assert Asset.objects.count() == 2


@pytest.mark.django_db
def test_what_was_refused_may_come_again_with_the_same_key() -> None:
    caller = Caller()
    assert send(caller, name="").status_code == 422
    assert not IdempotentAnswer.objects.exists()
    assert send(caller).status_code == 201


@pytest.mark.django_db
def test_an_answer_is_kept_for_a_day_and_given_to_nobody_else() -> None:
    caller = Caller()
    send(caller)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    caller.headers, headers = {"Authorization": "Bearer spt_wrong"}, caller.headers
    assert send(caller).status_code == 401
    caller.headers = headers
    assert send(caller).status_code == 201
    assert (Asset.objects.count(), IdempotentAnswer.objects.count()) == (2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a b", "ä"])
def test_a_key_is_short_and_visible(key: str) -> None:
    response = Caller()("POST", "/assets", {"name": "Pump"}, headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert not Asset.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_six_at_once_make_one() -> None:
    caller = Caller()
    together, answers = threading.Barrier(6), []

    def one() -> None:
        together.wait()
        try:
            answers.append(send(caller))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 6
    assert {json.loads(answer.content)["id"] for answer in answers} == {str(Asset.objects.get().pk)}
