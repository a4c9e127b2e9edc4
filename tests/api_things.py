"""One thing of every kind that the API and the pages have an address for, and a valid body for every operation that takes one."""

from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

from django.utils import timezone
from PIL import Image

from registry.access.models import Person, SavedView
from registry.access.services import issue_token
from registry.assets import bulk_edit, files
from registry.assets.editing import Edit
from registry.assets.models import (
    Asset,
    AssetLink,
    AssetModel,
    Attachment,
    CostCenter,
    CustomField,
    FloorPlan,
    Location,
    StatusLabel,
    Supplier,
    Tag,
)
from registry.assets.services import register_asset
from registry.audits import reviewing
from registry.audits import services as audits
from registry.audits.models import Case, Finding
from registry.audits.opening import open_campaign
from registry.care import agreements, meters, orders
from registry.care import plans as maintenance
from registry.custody import many
from registry.custody.bookings import book
from registry.custody.services import check_in, check_out
from registry.custody.transfers import request
from registry.db import uuid7
from registry.importing import services as imports
from registry.importing.models import ImportJob
from registry.orders.configuring import configure
from registry.orders.services import order
from registry.places import plans
from registry.reports.models import Schedule
from registry.stock.services import receive
from registry.tracking.models import Gateway, Quarantine, UnknownTag, Zone
from registry.work.models import Outgoing
from tests.enrolling import code_and_machine
from tests.registry_world import ROOT, World, event, make_user

WORD, OTHER = (UUID(f"00000000-0000-7000-8000-0000000000a{n}") for n in (1, 2))
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e0"
    "e4e40400003a001ced089b8e0000000049454e44ae426082"
)
PERSON = UUID("00000000-0000-7000-8000-000000000001")


def tell_secrets(world: World) -> None:
    world.gateway.tell(event("arrived", "tag:SECRET-TAG", "SECRET-zone"))
    pump = world.assets["Pump 7"]
    pump.name = "SECRET pump"
    pump.save()


def ids_of(world: World) -> dict[str, Any]:
    """Something that is there for each argument of a path; what nobody may hear of is called SECRET."""
    identifier = world.assets["Pump 8"].identifiers.get()
    words_and_files(world)
    configure(by=ROOT, gateway_id="hamburg-1", content={"zones": {"SECRET": {"lost_max_s": 60}}})
    checked = imports.receive(by=ROOT, name="SECRET.csv", chunks=[b"no,name\n1,SECRET\n"])
    ImportJob.objects.update(state=ImportJob.State.CHECKED)
    return {
        "asset_id": world.assets["Pump 7"].pk,
        "identifier_id": identifier.pk,
        "location_id": world.places["Office"].pk,
        "word_id": WORD,
        "slug": "models",
        "field_id": WORD,
        "link_id": WORD,
        "file_id": WORD,
        "category_id": world.categories["Pumps"].pk,
        "zone_id": Zone.objects.get().pk,
        "tag_id": UnknownTag.objects.get().pk,
        "record_id": _refused(world),
        "import_id": checked.pk,
        "gateway_id": "hamburg-1",
        "order_id": order(by=ROOT, gateway_id="hamburg-1", verb="identify", arguments={"reader": "SECRET"}).pk,
        "job_id": checked.pk,
        **code_and_machine("hamburg-1"),
        **_handed_out(world),
        "plan_id": _plan(world.places["Office"]),
        **_somebody(world),
        **_later(world),
        **_audited(world),
        "value": "061414100008",
        "name": "kind",
        "kind": "asset",
        "do": "out",
        "what": "places",
        "ending": "csv",
        "view_id": SavedView.objects.create(
            user=make_user("keeper"), area="assets", name="SECRET", query="q=SECRET", shared=True
        ).pk,
        "run_id": bulk_edit.confirm(
            by=ROOT, token=bulk_edit.preview(ROOT, Edit("order_ref", "SECRET"), [world.assets["Drill"].pk]).token
        ).pk,
        "handled_id": many.start(by=ROOT, plan=many.take_out(by=ROOT, asset_ids=[world.assets["Drill"].pk])).pk,
    }


def _machine() -> str:
    Gateway.objects.update(machine="1:of-the-gateway")
    return "1:of-the-gateway"


def _refused(world: World) -> UUID:
    world.gateway.tell_bodies(b'{"kind":"SECRET"}')
    return Quarantine.objects.get().pk


def _of_quarantine() -> UUID:
    return Quarantine.objects.get().pk


def _plan(location: Location) -> UUID:
    picture = BytesIO()
    Image.new("RGB", (40, 30), "white").save(picture, "PNG")
    return plans.put(by=ROOT, location=location, file=picture).pk


def _handed_out(world: World) -> dict[str, Any]:
    """What is out, requested and on its way; of other assets than those that the bodies name."""
    anna, now = Person.objects.create(pk=PERSON, name="SECRET person"), timezone.now()
    check_out(by=ROOT, asset_ids=[world.assets["Pump 9"].pk], person_id=anna.pk)
    check_in(by=ROOT, asset_ids=[world.assets["Pump 9"].pk])
    [custody] = check_out(by=ROOT, asset_ids=[world.assets["Pump 8"].pk], person_id=anna.pk).custodies
    ladder = [world.assets["Ladder long"].pk]
    span: dict[str, Any] = {"from_at": now + timedelta(days=1), "to_at": now + timedelta(days=2)}
    booking = book(by=ROOT, title="Fair", person_id=anna.pk, asset_ids=ladder, confirmed=False, **span)
    transfer = request(by=ROOT, asset_ids=ladder, from_location=world.places["Dock"], to_location=world.places["Office"])
    return {"custody_id": custody.pk, "booking_id": booking.pk, "transfer_id": transfer.pk, "secret": "x" * 43}


def _later(world: World) -> dict[str, Any]:
    """A line of stock, a report that goes by mail, and a mail that nobody took."""
    drill, dock = world.assets["Drill"].pk, world.places["Dock"].pk
    line = receive(by=ROOT, asset_id=drill, location_id=dock, quantity=5, lot="SECRET")
    other = make_user("SECRET-reader", "viewer")
    schedule = Schedule.objects.create(user=other, report="idle", every="day", next_at=timezone.now())
    mail = Outgoing.objects.create(sink="mail", topic="SECRET", key="k", payload={}, dead=True, next_at=timezone.now())
    there = {"line_id": line.pk, "key": "inventory", "schedule_id": schedule.pk, "message_id": mail.pk}
    return there | _agreement([world.assets["Pump 7"].pk, drill]) | _work(world.assets["Pump 7"].pk)


def _work(asset_id: UUID) -> dict[str, Any]:
    asset = Asset.objects.get(pk=asset_id)
    plan = maintenance.make(by=ROOT, name="SECRET service", asset=asset, trigger="meter", every="250", unit="h")
    work = orders.make(by=ROOT, asset_id=asset_id, title="SECRET repair", checklist=["SECRET step"])
    reading = meters.read(by=ROOT, asset_id=asset_id, unit="h", value="7")
    return {"maintenance_id": plan.pk, "work_order_id": work.pk, "meter_id": reading.meter_id}


def _agreement(asset_ids: list[UUID]) -> dict[str, Any]:
    made = agreements.make(by=ROOT, name="SECRET licence", kind="licence", seats=5, asset_ids=asset_ids)
    seat = agreements.give_seat(by=ROOT, agreement_id=made.pk, asset_id=asset_ids[0], note="SECRET")
    paper = agreements.add_paper(by=ROOT, agreement_id=made.pk, file=BytesIO(PIXEL), name="SECRET.png")
    return {"agreement_id": made.pk, "seat_id": seat.pk, "paper_id": paper.pk}


def _audited(world: World) -> dict[str, Any]:
    """An audit that is planned, and one that is open, of an asset of their own."""
    today, office = timezone.now().date(), world.places["Office"].pk
    desk = register_asset(by=ROOT, name="SECRET desk", home_location=world.places["Office"])
    days: dict[str, Any] = {"from_on": today - timedelta(days=1), "until_on": today + timedelta(days=1)}
    plan = audits.plan(by=ROOT, name="SECRET audit", scope=audits.Scope([office]), **days)
    begun = audits.plan(by=ROOT, name="SECRET round", scope=audits.Scope([office]), **days)
    open_campaign(by=ROOT, campaign_id=begun.pk)
    reviewed, resolved = (audits.plan(by=ROOT, name="SECRET review", scope=audits.Scope([office]), **days) for _ in range(2))
    for one in (reviewed, resolved):
        open_campaign(by=ROOT, campaign_id=one.pk)
        reviewing.begin(by=ROOT, campaign_id=one.pk)
    Finding.objects.filter(campaign=resolved).update(resolution="ignored", resolved_at=timezone.now())
    case = Case.objects.create(asset=desk, campaign=reviewed, opened_at=timezone.now())
    return {
        "draft_id": plan.pk, "audit_id": begun.pk, "reviewed_id": reviewed.pk, "resolved_id": resolved.pk, "desk_id": desk.pk,
        "case_id": case.pk,
    }  # fmt: skip


def _finding() -> int:
    return int(Finding.objects.filter(campaign__state="review", resolution="none").values_list("pk", flat=True)[0])


def words_and_files(world: World) -> None:
    """One of each, all with the id WORD."""
    AssetModel.objects.create(pk=WORD, name="SECRET")
    Supplier.objects.create(pk=WORD, name="SECRET")
    CostCenter.objects.create(pk=WORD, code="SECRET", name="SECRET")
    StatusLabel.objects.create(pk=WORD, name="SECRET", status="in_use")
    CustomField.objects.create(pk=WORD, key="secret", name="SECRET", type="text")
    Tag.objects.create(pk=WORD, name="SECRET")
    Tag.objects.create(pk=OTHER, name="other")
    AssetLink.objects.create(pk=WORD, from_asset=world.assets["Pump 7"], to_asset=world.assets["Pump 8"], type="related")
    file = files.attach(by=ROOT, asset=world.assets["Pump 7"], file=BytesIO(PIXEL), name="SECRET.png")
    Attachment.objects.filter(pk=file.pk).update(id=WORD)


def _somebody(world: World) -> dict[str, Any]:
    """A person who logs in, with a role and a token."""
    user = make_user("SECRET-user", "viewer", place=world.places["Dock"])
    token, _ = issue_token(by=ROOT, name="SECRET token", user=user)
    person = Person.objects.create(name="SECRET somebody", user=user)
    return {"person_id": person.pk, "binding_id": user.bindings.get().pk, "token_id": token.pk}


def bodies_of(world: World) -> dict[str, Any]:
    """Valid ones: with an empty body a missing check would look like a refused value."""
    return {
        "POST /api/v1/gateways/{gateway_id}/orders": {"verb": "ping"},
        "POST /api/v1/gateways/{gateway_id}/configuration": {"site": "north"},
        "POST /api/v1/enrolment-codes": {"gateway": "bremen"},
        "POST /api/v1/assets": {"name": "Vice", "identifiers": [{"text": "VICE-1"}]},
        "PATCH /api/v1/assets/{asset_id}": {"name": "Pump 7b"},
        "POST /api/v1/assets/bulk": [{"name": "Vice"}],
        "PATCH /api/v1/assets/bulk": [{"id": str(world.assets["Pump 7"].pk), "name": "Pump 7b"}],
        "PUT /api/v1/assets/{asset_id}/container": {"container": str(world.assets["Drill"].pk)},
        "POST /api/v1/assets/{asset_id}/contents": {"assets": [str(world.assets["Ladder short"].pk)]},
        "POST /api/v1/assets/edits/preview": {"field": "order_ref", "value": "4711", "assets": [str(world.assets["Drill"].pk)]},
        "POST /api/v1/assets/edits": {
            "token": bulk_edit.preview(ROOT, Edit("owner_org", "Us"), [world.assets["Drill"].pk]).token,
        },
        "POST /api/v1/assets/file": {"assets": [str(world.assets["Pump 7"].pk)]},
        "POST /api/v1/saved-views": {"name": "In use", "query": "status=in_use"},
        "PATCH /api/v1/saved-views/{view_id}": {"name": "Others"},
        "POST /api/v1/tags": {"name": "fresh"},
        "POST /api/v1/people/{person_id}/log-in": {"active": False},
        "POST /api/v1/stock/watch": {"wanted": True},
        "POST /api/v1/reports/{key}/schedules": {"every": "week"},
        "POST /api/v1/assets/{asset_id}/links": {"to": str(world.assets["Drill"].pk), "type": "depends"},
        "POST /api/v1/identifiers/{identifier_id}/replace": {"text": "PUMP-8"},
        "POST /api/v1/models": {"name": "X1"},
        "POST /api/v1/suppliers": {"name": "Acme"},
        "POST /api/v1/cost-centers": {"code": "4711", "name": "Sales"},
        "POST /api/v1/status-labels": {"name": "Lent", "status": "in_use"},
        "PATCH /api/v1/models/{word_id}": {"name": "X1"},
        "PATCH /api/v1/suppliers/{word_id}": {"name": "Acme"},
        "PATCH /api/v1/cost-centers/{word_id}": {"name": "Sales"},
        "PATCH /api/v1/status-labels/{word_id}": {"name": "Lent"},
        "PATCH /api/v1/tags/{word_id}": {"name": "new"},
        "POST /api/v1/tags/{word_id}/merge": {"into": str(OTHER)},
        "POST /api/v1/custom-fields": {"key": "cpu", "name": "CPU", "type": "text"},
        "PATCH /api/v1/custom-fields/{field_id}": {"name": "CPU"},
        "POST /api/v1/assets/{asset_id}/identifiers": {"text": "PUMP-7"},
        "POST /api/v1/locations": {"name": "Shed"},
        "PATCH /api/v1/locations/{location_id}": {"name": "Bureau"},
        "POST /api/v1/categories": {"name": "Saws"},
        "PATCH /api/v1/categories/{category_id}": {"name": "Water pumps"},
        "POST /api/v1/gateways/{gateway_id}/machine": {"machine": _machine()},
        "POST /api/v1/quarantine/preview": {"ids": [str(_of_quarantine())]},
        "POST /api/v1/quarantine/retry": {"ids": [str(_of_quarantine())]},
        "POST /api/v1/quarantine/discard": {"ids": [str(_of_quarantine())], "reason": "a test"},
        "POST /api/v1/zones": {"gateway": "hamburg-1", "name": "loft"},
        "PUT /api/v1/zones/{zone_id}/place": {"place": str(world.places["Dock"].pk)},
        "PUT /api/v1/locations/{location_id}/outline": {
            "plan": str(FloorPlan.objects.values_list("pk", flat=True).first()),
            "corners": [[0, 0], [1, 0], [1, 1]],
        },
        "POST /api/v1/custody": {"assets": [str(world.assets["Pump 7"].pk)], "person": str(PERSON)},
        "POST /api/v1/custody/check-in": {"assets": [str(world.assets["Pump 8"].pk)]},
        "POST /api/v1/custody/undo-check-in": {"assets": [str(world.assets["Pump 9"].pk)]},
        "POST /api/v1/custody/{custody_id}/extend": {"due_at": None},
        "POST /api/v1/custody/{custody_id}/hand-over": {"person": str(PERSON)},
        "POST /api/v1/bookings": {
            "title": "Fair",
            "person": str(PERSON),
            "assets": [str(world.assets["Pump 7"].pk)],
            "from_at": timezone.now().isoformat(),
            "to_at": (timezone.now() + timedelta(days=1)).isoformat(),
        },
        "POST /api/v1/transfers": {
            "assets": [str(world.assets["Pump 7"].pk)],
            "from_location": str(world.places["Dock"].pk),
            "to_location": str(world.places["Office"].pk),
        },
        "POST /api/v1/transfers/{transfer_id}/arrivals": {"assets": [str(world.assets["Ladder long"].pk)]},
        "POST /api/v1/people": {"name": "Bert"},
        "PATCH /api/v1/people/{person_id}": {"department": "Workshop"},
        "POST /api/v1/people/{person_id}/user": {"username": "bert"},
        "POST /api/v1/people/{person_id}/roles": {"role": "manager"},
        "POST /api/v1/tokens": {"name": "display"},
        "POST /api/v1/labels": {"assets": [str(world.assets["Pump 7"].pk)]},
        "POST /api/v1/audits": {
            "name": "Spring",
            "from_on": f"{timezone.now():%Y-%m-%d}",
            "until_on": f"{timezone.now():%Y-%m-%d}",
        },
        "PATCH /api/v1/audits/{audit_id}": {"name": "Autumn"},
        "POST /api/v1/assets/{asset_id}/assessments": {"score": 3},
        "POST /api/v1/work-orders": {"asset": str(world.assets["Pump 7"].pk), "title": "Oil"},
        "PATCH /api/v1/work-orders/{work_order_id}": {"state": "in_progress"},
        "POST /api/v1/assets/{asset_id}/meters": {"unit": "h", "value": 99},
        "POST /api/v1/maintenance-plans": {
            "name": "Oil",
            "trigger": "condition",
            "condition_at_most": 2,
            "asset": str(world.assets["Pump 7"].pk),
        },
        "PATCH /api/v1/maintenance-plans/{maintenance_id}": {"lead_days": 3},
        "POST /api/v1/agreements": {"name": "Cover", "kind": "insurance"},
        "PATCH /api/v1/agreements/{agreement_id}": {"number": "4711"},
        "POST /api/v1/agreements/{agreement_id}/assets": {"assets": [str(world.assets["Pump 8"].pk)]},
        "POST /api/v1/agreements/{agreement_id}/seats": {"asset": str(world.assets["Drill"].pk)},
        "POST /api/v1/audits/{audit_id}/evidence": {
            "evidence": [{"id": str(uuid7()), "text": "PUMP-8", "location": str(world.places["Office"].pk)}]
        },
        "POST /api/v1/audits/{audit_id}/findings/resolve": {"findings": [_finding()], "resolution": "ignored"},
        "POST /api/v1/audits/{audit_id}/sign": {"signed_as": "Anna"},
        "POST /api/v1/audit-cases/{case_id}/close": {"note": "found"},
        "POST /api/v1/audits/{audit_id}/rooms": {"location": str(world.places["Office"].pk)},
        "POST /api/v1/stock": {"asset": str(world.assets["Drill"].pk), "location": str(world.places["Office"].pk), "quantity": 1},
        "PATCH /api/v1/stock/{line_id}": {"minimum": 3},
        "POST /api/v1/stock/{line_id}/take": {"quantity": 1},
        "POST /api/v1/stock/{line_id}/count": {"quantity": 1},
        "POST /api/v1/stock/{line_id}/move": {"location": str(world.places["Office"].pk), "quantity": 1},
        "POST /api/v1/scans": {
            "scans": [
                {
                    "event_id": str(uuid7()),
                    "text": "PUMP-7b",
                    "location": str(world.places["Dock"].pk),
                    "at": timezone.now().isoformat(),
                }
            ]
        },
        "POST /api/v1/unknown-tags/{tag_id}/claim": {"asset": str(world.assets["Drill"].pk)},
    }
