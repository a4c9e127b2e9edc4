"""The world of the walk (integration/registry/test_walk.py): secret things of every kind, and people of every role inside the
scope they lie in, outside it, and everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

from django.test import Client
from django.utils import timezone
from msgspec import Raw
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker

from registry.access import services as access
from registry.access.actors import ROLES
from registry.access.models import Person, RoleBinding, SavedView, User
from registry.assets import bulk_edit, files
from registry.assets.editing import Edit
from registry.assets.models import (
    Asset,
    AssetLink,
    AssetModel,
    CostCenter,
    CustomField,
    Location,
    StatusLabel,
    Supplier,
    Tag,
)
from registry.assets.services import NewIdentifier, register_asset, retire_identifier
from registry.assets.trees import create_category, create_location
from registry.audits import reviewing
from registry.audits import services as audits
from registry.audits.models import Case, Finding
from registry.audits.opening import open_campaign
from registry.care import agreements, condition, meters, orders
from registry.care import plans as maintenance
from registry.custody import many
from registry.custody.bookings import book
from registry.custody.services import check_out
from registry.custody.transfers import request
from registry.importing import services as imports
from registry.importing.models import ImportJob
from registry.orders.configuring import configure
from registry.orders.services import order
from registry.places import plans
from registry.reports.models import Schedule
from registry.stock.services import receive
from registry.tracking.gateways import add_gateway
from registry.tracking.models import Gateway as GatewayRow
from registry.tracking.models import Quarantine, UnknownTag
from registry.tracking.services import create_zone, project_changed_identifiers
from registry.work.models import Outgoing
from sync.wire import ReaderHealth, Record, encode
from tests.enrolling import code_and_machine
from tests.registry_world import ROOT, Gateway, World, actor, event, lasting, make_user

OUTSIDERS = ("nobody", *(f"{role} elsewhere" for role in ROLES), "administrator other")
INSIDERS = tuple(f"{role} here" for role in ROLES)
EVERYWHERE = ("manager everywhere", "administrator everywhere")
# Whom no place limits knows the UNTOLD ones, whom no category limits the UNHEARD, everybody who hands things out the people.
WORDS = ("SECRET", "UNTOLD", "UNHEARD")
KNOWN_WORDS = {"elsewhere": ("UNHEARD",), "other": ("UNTOLD",)}
KNOWN_IDS = {
    "elsewhere": {"category_id"},
    "other": {"location_id", "hall_id", "inner_id", "zone_id", "plan_id", "place", "gateway", "gateway_id"},
}
COMMON = {
    "person_id",
    "leaver_id",
    "binding_id",
    "word_id",
    "other_word_id",
    "field_id",
    "message_id",
    "record_id",
    "version",
    "edit_token",
}  # of no scope
CONSTANT = {
    "do": "take-out", "kind": "asset", "slug": "models", "what": "assets", "key": "inventory", "name": "kind", "ending": "csv",
    "secret": "x" * 43,
}  # fmt: skip
NOTHING = "NOTHING-AT-ALL"
NOTHINGS: dict[str, Any] = {"code": "tag:NOTHING-AT-ALL", "finding_id": 2**31 - 1}


@dataclass
class Walk:
    """The world with its secrets, the ids that lead to them, and a logged-in browser for each person."""

    world: World
    ids: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    before: dict[tuple[str, str], str] = field(default_factory=dict)
    stored: str = ""

    def nothing(self, hidden: set[str]) -> dict[str, Any]:
        """The ids with those of what is hidden replaced by ones of nothing at all."""
        return self.ids | {key: uuid4() if isinstance(self.ids[key], UUID) else NOTHINGS.get(key, NOTHING) for key in hidden}

    def hidden_from(self, name: str) -> set[str]:
        """The arguments that stand for what this person may not know."""
        known = KNOWN_IDS.get(name.partition(" ")[2], set())
        return set(self.ids) - known - COMMON - CONSTANT.keys()


MACHINE = "1:of-the-gateway"


@dataclass
class Around:
    """Where the secret things will be, made before the lists are looked at for the first time."""

    hall: Location
    room: Location
    category: Any
    gateway: Gateway
    zone: Any
    person: Person
    leaver: Person
    owner: User
    ids: dict[str, Any]


def make_around() -> Around:
    hall = create_location(by=ROOT, name="UNTOLD hall", kind="building", code="UNTOLD-H")
    room = create_location(by=ROOT, name="UNTOLD room", code="UNTOLD-R", parent=hall)
    create_location(by=ROOT, name="UNTOLD corner", code="UNTOLD-C", parent=room)
    gateway = Gateway("untold-gw", add_gateway(by=ROOT, gateway_id="untold-gw", name="UNTOLD gateway").mac_key)
    gateway.health(ReaderHealth("UNTOLD-reader", "down", "UNTOLD reason"))
    GatewayRow.objects.filter(pk="untold-gw").update(machine=MACHINE)
    zone = create_zone(by=ROOT, gateway=GatewayRow.objects.get(pk="untold-gw"), name="UNTOLD-zone", location=room)
    user = make_user("somebody", "viewer", place=hall)
    person = Person.objects.create(name="Somebody", user=user)
    owner = make_user("owner", "manager", place=hall, email="owner@example.org")
    leaver = Person.objects.create(name="Leaver")
    plan = plans.put(by=ROOT, location=room, file=_picture())
    ids = _words() | {"record_id": _refused(), "plan_id": plan.pk, "leaver_id": leaver.pk, "person_id": person.pk}
    category = create_category(by=ROOT, name="UNHEARD things")
    return Around(hall, room, category, gateway, zone, person, leaver, owner, ids)


def make_people(walk: Walk, around: Around) -> None:
    places = {"elsewhere": walk.world.places["Hall A"], "here": around.hall}
    for name in (*OUTSIDERS, *INSIDERS, *EVERYWHERE):
        role, _, where = name.partition(" ")
        user = make_user(name.replace(" ", "-"), None)
        category = walk.world.categories["Pumps"] if where == "other" else None
        if where:
            RoleBinding.objects.create(user=user, role=role, location=places.get(where), category=category)
        walk.clients[name] = client_of(user)
    walk.clients["owner"] = client_of(around.owner)
    walk.clients["anonymous"] = Client()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def tell_secrets(around: Around) -> dict[str, Any]:
    """One thing of every kind, none of which anybody outside its scope may hear of. Return their ids by argument name."""
    room, category, gateway, zone = around.room, around.category, around.gateway, around.zone
    where: dict[str, Any] = {"category": category, "home_location": room}
    made = register_asset(
        by=ROOT, name="SECRET engine", asset_no="SECRET-1", serial_no="SECRET-SERIAL", notes="SECRET note", purchase_cost="7",
        currency="EUR", identifiers=[NewIdentifier("tag:SECRET-CODE"), NewIdentifier("tag:SECRET-OLD")], **where,
    )  # fmt: skip
    project_changed_identifiers()
    retire_identifier(by=ROOT, identifier_id=made.identifiers.get(key="tag:SECRET-OLD").pk)
    gateway.tell(
        event("arrived", "tag:SECRET-CODE", zone.name, ago_s=300), event("arrived", "tag:SECRET-STRAY", zone.name, ago_s=200)
    )
    spare, free, part, box = (
        register_asset(by=ROOT, name=f"SECRET {name}", **where) for name in ("spare", "free", "part", "box")
    )
    [custody] = check_out(by=ROOT, asset_ids=[made.pk], person_id=around.person.pk).custodies
    now = timezone.now()
    booking = book(
        by=ROOT, title="SECRET trip", person_id=around.person.pk, asset_ids=[spare.pk], confirmed=False,
        from_at=now + timedelta(days=1), to_at=now + timedelta(days=2),
    )  # fmt: skip
    transfer = request(by=ROOT, asset_ids=[spare.pk], from_location=room, to_location=around.hall)
    link = AssetLink.objects.create(from_asset=made, to_asset=spare, type="related")
    photo = files.attach(by=ROOT, asset=made, file=_picture(), name="SECRET.png")
    line = receive(by=ROOT, asset_id=free.pk, location_id=room.pk, quantity=5, lot="SECRET")
    configure(by=ROOT, gateway_id="untold-gw", content={"zones": {"UNTOLD-zone": {"lost_max_s": 60}}})
    days: dict[str, Any] = {"from_on": now.date() - timedelta(days=1), "until_on": now.date() + timedelta(days=1)}
    draft, audit = (
        audits.plan(by=ROOT, name=f"SECRET {name}", scope=audits.Scope([room.pk]), **days) for name in ("plan", "round")
    )
    open_campaign(by=ROOT, campaign_id=audit.pk)
    reviewed, resolved = (audits.plan(by=ROOT, name="SECRET end", scope=audits.Scope([room.pk]), **days) for _ in range(2))
    for one in (reviewed, resolved):
        open_campaign(by=ROOT, campaign_id=one.pk)
        reviewing.begin(by=ROOT, campaign_id=one.pk)
    finding = Finding.objects.filter(campaign=reviewed, outcome="not_checked").latest("pk")
    Finding.objects.filter(campaign=resolved).update(resolution="ignored", resolved_at=now)
    case = Case.objects.create(asset=made, campaign=reviewed, opened_at=now)
    return {
        "audit_id": audit.pk, "draft_id": draft.pk, "reviewed_id": reviewed.pk, "resolved_id": resolved.pk,
        "finding_id": finding.pk, "case_id": case.pk,
        "asset_id": made.pk, "spare_id": spare.pk, "free_id": free.pk, "part_id": part.pk, "box_id": box.pk,
        "identifier_id": made.identifiers.get(state="active").pk, "location_id": room.pk, "hall_id": around.hall.pk,
        "category_id": category.pk, "zone_id": zone.pk, "tag_id": UnknownTag.objects.get(identity="tag:SECRET-STRAY").pk,
        "custody_id": custody.pk, "booking_id": booking.pk, "transfer_id": transfer.pk, "link_id": link.pk, "file_id": photo.pk,
        "gateway_id": "untold-gw",
        **code_and_machine("untold-gw"),
        "order_id": order(by=ROOT, gateway_id="untold-gw", verb="identify", arguments={"reader": "UNTOLD"}).pk,
        "line_id": line.pk, "value": "SECRET-CODE", "number": made.asset_no,
        "inner_id": Location.objects.get(code="UNTOLD-C").pk, "place": around.hall.code, "free_no": free.asset_no,
        "box_no": box.asset_no, "code": "tag:SECRET-CODE", "version": Asset.objects.get(pk=made.pk).version,
        "machine": MACHINE, "binding_id": RoleBinding.objects.get(user=around.person.user).pk,
        **_work(made.pk), **_agreement([made.pk, spare.pk]), **around.ids, **_of_owner(around, free.pk), **CONSTANT,
    }  # fmt: skip


def _agreement(asset_ids: list[UUID]) -> dict[str, Any]:
    made = agreements.make(by=ROOT, name="SECRET licence", kind="licence", seats=5, asset_ids=asset_ids, terms="SECRET terms")
    seat = agreements.give_seat(by=ROOT, agreement_id=made.pk, asset_id=asset_ids[0], note="SECRET")
    condition.assess(by=ROOT, asset_id=asset_ids[0], score=2, notes="SECRET crack")
    paper = agreements.add_paper(by=ROOT, agreement_id=made.pk, file=_picture(), name="SECRET.png")
    return {"agreement_id": made.pk, "seat_id": seat.pk, "paper_id": paper.pk}


def _work(asset_id: UUID) -> dict[str, Any]:
    asset = Asset.objects.get(pk=asset_id)
    plan = maintenance.make(by=ROOT, name="SECRET service", asset=asset, trigger="meter", every="250", unit="h")
    work = orders.make(by=ROOT, asset_id=asset_id, title="SECRET repair", checklist=["SECRET step"])
    reading = meters.read(by=ROOT, asset_id=asset_id, unit="h", value="7")
    return {"maintenance_id": plan.pk, "work_order_id": work.pk, "meter_id": reading.meter_id}


def _picture() -> BytesIO:
    drawn = BytesIO()
    Image.new("RGB", (40, 30), "white").save(drawn, "PNG")
    drawn.seek(0)
    return drawn


def _refused() -> UUID:
    """A record that can be taken in by now."""
    gateway = GatewayRow.objects.get(pk="hamburg-1")
    at = timezone.now() - timedelta(minutes=5)
    seen = event("seen", "tag:PLAIN", "dock")
    record = Record(1, uuid4(), "location", at, 1000, "b" * 32, Raw(encode(seen)))
    refused = Quarantine(gateway=gateway, epoch="e" * 32, seq=1, event_id=record.event_id, code="too_many_names", text="full")
    refused.payload, refused.whole, refused.received_at = encode(record), True, at
    refused.save()
    return refused.pk


def _words() -> dict[str, Any]:
    """Of the company as a whole: everybody who logs in may know them. One id for all kinds."""
    pk = AssetModel.objects.create(name="X 1").pk
    for model in (Supplier, Tag):
        model.objects.create(pk=pk, name="Common")
    CostCenter.objects.create(pk=pk, code="4711", name="Common")
    StatusLabel.objects.create(pk=pk, name="Common", status="in_use")
    CustomField.objects.create(pk=pk, key="common", name="Common", type="text")
    mail = Outgoing.objects.create(sink="mail", topic="a@example.org", key="k", payload={}, dead=True, next_at=timezone.now())
    return {"word_id": pk, "other_word_id": Tag.objects.create(name="Other").pk, "field_id": pk, "message_id": mail.pk}


def _of_owner(around: Around, asset_id: Any) -> dict[str, Any]:
    """What belongs to one person alone."""
    by = actor(around.owner)
    job = imports.receive(by=by, name="SECRET.csv", chunks=[b"no,name\n1,SECRET\n"])
    ImportJob.objects.update(state=ImportJob.State.CHECKED)
    run = bulk_edit.confirm(by=by, token=bulk_edit.preview(by, Edit("order_ref", "SECRET"), [asset_id]).token)
    next_edit = bulk_edit.preview(by, Edit("order_ref", "SECRET again"), [asset_id]).token
    check_out(by=ROOT, asset_ids=[asset_id], person_id=around.person.pk)
    plan = many.check_in(by=by, asset_ids=[asset_id], location=None, condition=None, note="")
    handled = many.start(by=by, plan=plan)
    token, _ = access.issue_token(by=by, name="SECRET token", user=around.owner)
    view = SavedView.objects.create(user=around.owner, area="assets", name="SECRET", query="q=SECRET")
    schedule = Schedule.objects.create(user=around.owner, report="idle", every="day", next_at=timezone.now() + timedelta(days=1))
    return {
        "import_id": job.pk, "job_id": job.pk, "run_id": run.pk, "token_id": token.pk, "view_id": view.pk,
        "handled_id": handled.pk, "schedule_id": schedule.pk, "edit_token": next_edit,
    }  # fmt: skip


@contextmanager
def walk_world(blocker: DjangoDbBlocker) -> Iterator[tuple[Walk, Around]]:
    with lasting(blocker) as world:
        walk = Walk(world)
        around = make_around()
        make_people(walk, around)
        yield walk, around
