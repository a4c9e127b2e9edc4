"""What was refused: it is taken in once it can be, at its place in the order of events, or discarded for a reason."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from registry.access.models import Change
from registry.assets.models import Asset
from registry.problems import Forbidden, Invalid, NotFound
from registry.tracking import learned, quarantine
from registry.tracking.models import LocationEvent, Position, Quarantine, RawRecord
from registry.tracking.services import rebuild_projections
from sync.wire import Gap, encode
from tests.integration.registry.conftest import Site, at, event, projections
from tests.registry_world import ROOT, Caller, actor, make_user


@pytest.fixture
def crowded(site: Site, drill: Asset, monkeypatch: pytest.MonkeyPatch) -> Site:
    """It has named as many zones as are kept of one, and one more; then there is room again."""
    with monkeypatch.context() as limits:
        limits.setattr(learned, "MAX_ZONES", 1)
        site.tell(event("arrived", "tag:drill", "hall"), event("moved", "tag:drill", "yard", 10, zone_from="hall"))
    site.tell(event("seen", "tag:drill", "hall", 5))
    return site


def open_ids() -> set[Any]:
    return set(Quarantine.objects.open().values_list("pk", flat=True))


def test_what_can_be_taken_now_is_taken_in_at_its_place(crowded: Site) -> None:
    [record] = Quarantine.objects.all()
    assert (record.code, record.seq, record.rejected) == ("too_many_names", 2, True)
    assert Position.objects.values_list("zone__name", flat=True).get() == "hall"
    [would] = quarantine.preview(by=ROOT, ids=open_ids())
    assert (would.outcome, LocationEvent.objects.count()) == ("taken_in", 2)
    assert open_ids() == {record.pk}
    [result] = quarantine.retry(by=ROOT, ids=open_ids())
    assert result.outcome == "taken_in"
    told = LocationEvent.objects.get(event_id=str(record.event_id))
    assert told.epoch is not None
    assert (told.seq, told.epoch.epoch, told.kind) == (2, crowded.epoch, "moved")
    position = Position.objects.get()
    assert position.zone is not None
    assert (position.zone.name, position.since) == ("yard", at(10))
    shown = projections()
    rebuild_projections()
    assert projections() == shown
    record.refresh_from_db()
    assert (record.outcome, record.rejected) == ("taken_in", False)
    change = Change.objects.get(object_type="quarantine")
    assert (change.action, change.after) == ("taken in", {"outcome": "taken_in"})
    [again] = crowded.hello(acked=0)
    assert again.rejected == ()  # nobody tells the gateway any more that it was refused
    with pytest.raises(NotFound):
        quarantine.retry(by=ROOT, ids={record.pk})


def test_what_still_cannot_be_taken_stays_and_says_why(site: Site) -> None:
    site.deliver(site.record(b'{"kind":"arrived","identity":5}'))
    [result] = quarantine.retry(by=ROOT, ids=open_ids())
    assert result.outcome == ""
    assert "identity" in result.why
    assert len(open_ids()) == 1


def test_a_key_that_is_taken_stays_taken_and_the_same_again_is_known(site: Site, drill: Asset) -> None:
    first = site.record(event("arrived", "tag:drill", "hall"))
    site.deliver(first)
    other = site.record(event("arrived", "tag:drill", "yard"), seq=1)
    site.deliver(other)
    site.deliver(site.record(event("arrived", "tag:drill", "hall"), seq=2, event_id=first.event_id), gaps=[Gap(3, 3, "dead")])
    [result] = quarantine.retry(by=ROOT, ids=open_ids())
    assert (result.outcome, result.why) == ("", "another record is stored under its number or its event_id")
    Quarantine.objects.update(payload=json.dumps(json.loads(encode(first))).encode(), event_id=first.event_id)
    [result] = quarantine.retry(by=ROOT, ids=open_ids())
    assert result.outcome == "known"
    assert LocationEvent.objects.count() == 1


def test_a_body_alone_as_older_versions_kept_it_is_taken_in(crowded: Site) -> None:
    record = Quarantine.objects.get()
    body = json.dumps(json.loads(bytes(record.payload))["body"]).encode()
    Quarantine.objects.update(payload=body, whole=False)
    [result] = quarantine.retry(by=ROOT, ids=open_ids())
    assert result.outcome == "taken_in"
    told = LocationEvent.objects.get(event_id=str(record.event_id))
    assert (told.kind, told.event_time, told.stored_at) == ("moved", at(10), record.received_at)


def test_records_of_other_kinds_and_many_at_once(site: Site, drill: Asset, monkeypatch: pytest.MonkeyPatch) -> None:
    good = [site.record(event("seen", "tag:drill", "hall", second)) for second in range(3)]
    raw, bad = site.record(b'{"offset_ms":1}', kind="clock_fix"), site.record(b"[]")
    site.deliver(bad)
    Quarantine.objects.all().delete()
    for record in (*good, raw, bad):
        Quarantine.objects.create(
            gateway_id=site.id, epoch=site.epoch, seq=record.seq, event_id=record.event_id, code="clone", text="two machines",
            payload=encode(record), whole=True, received_at=at(60),
        )  # fmt: skip
    assert [r.outcome for r in quarantine.preview(by=ROOT, ids=open_ids())] == ["taken_in"] * 4 + [""]
    quarantine.retry(by=ROOT, ids=open_ids())
    assert (LocationEvent.objects.count(), RawRecord.objects.count(), len(open_ids())) == (3, 1, 1)
    [reply] = site.hello()
    assert reply.through == 5  # what the cursor had not counted is counted now


def test_discarding_needs_a_reason_and_is_logged(crowded: Site) -> None:
    with pytest.raises(Invalid):
        quarantine.discard(by=ROOT, ids=open_ids(), reason="  ")
    assert quarantine.discard(by=ROOT, ids=open_ids(), reason="a test tag") == 1
    record = Quarantine.objects.get()
    assert (record.outcome, record.note, bool(record.settled_at)) == ("discarded", "a test tag", True)
    assert Change.objects.get(object_type="quarantine").after == {"reason": "a test tag"}
    assert bytes(record.payload)


def test_it_is_for_administrators_of_everything(crowded: Site, client: Client) -> None:
    manager = make_user("mara", "manager")
    for call in (quarantine.preview, quarantine.retry):
        with pytest.raises(Forbidden):
            call(by=actor(manager), ids=open_ids())
    with pytest.raises(Forbidden):
        quarantine.discard(by=actor(manager), ids=open_ids(), reason="x")
    client.force_login(manager)
    assert client.get("/quarantine/").status_code == 403
    assert "/quarantine/" not in client.get("/gateways/").content.decode()


def test_the_pages_show_it_preview_it_and_do_it(crowded: Site, client: Client) -> None:
    crowded.deliver(crowded.record(b'{"kind":"<script>"}'))
    client.force_login(make_user())
    page = client.get("/quarantine/").content.decode()
    assert "2 records not taken in" in page
    only = client.get("/quarantine/", {"code": "too_many_names", "gateway": "hamburg"})
    [record] = only.context["rows"]
    shown = client.get(f"/quarantine/{record.pk}/").content.decode()
    assert "&quot;zone_to&quot;: &quot;yard&quot;" in shown
    preview = client.post("/quarantine/preview/", {"all": "1"})
    assert "1 of 2 can be taken in now" in preview.content.decode()
    assert "<script>" not in re.sub(r"<script src=[^>]*></script>", "", preview.content.decode())
    ids = [str(result.record.pk) for result in preview.context["results"]]
    done = client.post("/quarantine/settle/", {"do": "retry", "id": ids}, follow=True).content.decode()
    assert "1 record is taken in" in done
    assert "1 record is not taken in" in done
    [left] = open_ids()
    wrong = client.post("/quarantine/settle/", {"do": "discard", "id": str(left), "reason": "", "from": "one"})
    assert wrong.status_code == 422
    gone = client.post("/quarantine/settle/", {"do": "discard", "id": str(left), "reason": "broken", "from": "one"}, follow=True)
    assert "Discarded" in gone.content.decode()
    assert "Everything was taken in" in client.get("/quarantine/").content.decode()


def test_the_api_says_and_does_the_same(crowded: Site) -> None:
    call = Caller()
    [item] = call("GET", "/quarantine").json()["items"]
    assert (item["code"], item["seq"], item["outcome"]) == ("too_many_names", 2, "")
    assert '"zone_to": "yard"' in call("GET", f"/quarantine/{item['id']}").json()["content"]
    assert call("POST", "/quarantine/preview", {"ids": [item["id"]]}).json()["results"][0]["outcome"] == "taken_in"
    assert call("POST", "/quarantine/retry", {"ids": [item["id"]]}).json()["results"][0]["outcome"] == "taken_in"
    assert call("POST", "/quarantine/discard", {"ids": [item["id"]], "reason": "x"}).status_code == 404
    [settled] = call("GET", "/quarantine?settled=true").json()["items"]
    assert settled["outcome"] == "taken_in"
