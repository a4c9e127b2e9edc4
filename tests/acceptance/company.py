"""A company that has something for every page: all kinds of assets, people who have some, bookings, stock, plans, imports.

Made by the services, on top of the small world of the other tests. `whole_company()` takes a few seconds; tests of one thing need
less."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

from django.utils import timezone
from PIL import Image, ImageDraw

from registry.access.actors import Actor
from registry.access.models import Person, User
from registry.access.people import create_person, invite
from registry.access.services import issue_token
from registry.assets import bulk_edit, files, saved_views
from registry.assets.containers import put_all_into
from registry.assets.editing import Edit
from registry.assets.models import (
    Asset,
    AssetModel,
    Category,
    CostCenter,
    Identifier,
    Location,
    Supplier,
)
from registry.assets.record import add_link
from registry.assets.services import NewIdentifier, change_asset, register_asset
from registry.assets.starter import put_starter_set
from registry.assets.trees import change_location, create_location
from registry.assets.words import create_word
from registry.audits import opening, reviewing, signing, walking
from registry.audits import services as audits
from registry.audits.models import Campaign, Case, Finding
from registry.care import agreements, condition, meters, orders
from registry.care import plans as maintenance
from registry.custody import bookings, many, services, transfers
from registry.custody.models import Booking, Custody
from registry.importing import services as imports
from registry.importing.models import ImportJob
from registry.importing.runs import ImportWork
from registry.orders.configuring import configure
from registry.orders.services import order
from registry.places import plans
from registry.reports.models import Schedule
from registry.stock import services as stock
from registry.tracking.models import Quarantine, UnknownTag, Zone
from registry.work import outgoing
from registry.work.models import Outgoing
from tests.registry_world import ROOT, World, actor, make_user, make_world, tell_a_day

DAY = timedelta(days=1)
THINGS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (  # name, category, home, what is known
    ("Cordless drill 18 V", "Tools", "Store room", {"purchase_cost": "249.5", "condition": 4, "serial_no": "CD18-0031"}),
    ("Angle grinder", "Tools", "Store room", {"purchase_cost": "119", "condition": 2, "replace_on": "2025-01-31"}),
    ("Torque wrench 40 to 200 Nm, in its case", "Tools", "Store room", {"purchase_cost": "310", "condition": 5}),
    ("Compressor", "Machines", "Hall A", {"purchase_cost": "8900", "warranty_until": "2025-06-30", "storage_cost_month": "45"}),
    ("Laptop of the front desk", "Computers", "Office", {"serial_no": "PF-3X9Q12", "warranty_until": "2099-03-01"}),
    ("Laptop, spare", "Computers", "Office", {"purchase_cost": "1480", "serial_no": "PF-3X9Q13", "status": "in_stock"}),
    ("Label printer", "Screens and printers", "Office", {"purchase_cost": "620", "replace_on": "2026-01-15"}),
    ("Phone 14", "Phones", "Office", {"purchase_cost": "799", "serial_no": "C39XJ0KLN72J"}),
    ("Van HH-SP 204", "Cars", "Hamburg", {"purchase_cost": "38900", "latitude": "53.56", "longitude": "10.01"}),
    ("Forklift 2", "Forklifts", "Hall A", {"condition": 3, "latitude": "53.5601", "longitude": "10.0101"}),
    ("Hall A, the building", "Buildings", "Hamburg", {"purchase_cost": "1250000", "latitude": "53.5503", "longitude": "9.992"}),
    ("Office suite, 40 seats", "Licences", "", {"purchase_cost": "5200", "replace_on": "2026-12-31"}),
    ("sightpost.example", "Domains", "", {"purchase_cost": "18"}),
    ("Customer records of the shop", "Customer data", "", {}),
    ("Pump with a double inlet", "Patents", "", {}),
    ("Drawings of the dock", "Plans and drawings", "Office", {}),
    ("<b>Crate</b> & sons", "Tools", "Dock", {"status": "missing"}),
    ("Nitrile gloves, size 9", "Consumables", "Store room", {"purchase_cost": "0.12", "uom": "pairs"}),
    ("Toner, black", "Consumables", "Office", {"purchase_cost": "74", "uom": "pieces"}),
    ("Epoxy, two parts", "Consumables", "Store room", {"purchase_cost": "12.4", "uom": "kg"}),
)  # fmt: skip
TABLE = '''Inventory no.;Description;Category;Home;Barcode;Price;Currency;Purchase date;Colour
{known};Pump 7 (rebuilt);;;;;;;red
T-1001;Cordless drill 18 V;Tools;Hamburg;tag:t-1001; 1.249,50;EUR;14.02.2026;
T-1002;"Saw, ""large""";Tools;Hamburg;tag:t-1002;89,00;EUR;3/4/2026;
1.23E+11;Ladder;Tools;Hamburg;;45,00;EUR;;
T-1004;<script>alert(1)</script>;Tools / Hand;Nowhere;;12;;;
T-1005;=HYPERLINK("http://evil");Tools;;;;;;
'''


@dataclass
class Company:
    """`ids` are what addresses of pages name, each by the name that the address gives it."""

    world: World
    anna: User
    ids: dict[str, Any] = field(default_factory=dict)

    def asset(self, name: str) -> Asset:
        found: Asset = Asset.objects.get(name=name)
        return found


def whole_company(world: World | None = None) -> Company:
    if world is None:
        world = make_world()
        tell_a_day(world)
    anna = make_user("anna", email="anna@example.com")
    put_starter_set(by=ROOT)
    company = Company(world, anna)
    _assets(company)
    _people_and_custody(company)
    _places(company)
    _stock(company)
    _kept_for_later(company)
    _audits(company)
    order(by=ROOT, gateway_id=world.gateway.name, verb="zone", arguments={"zone": "hall-a", "rules": {"lost_max_s": 300}})
    configure(by=ROOT, gateway_id=world.gateway.name, content={"site": "north", "doors": {"dock-3": {"cool_down_s": 10}}})
    world.gateway.tell_bodies(b'{"kind":"arrived","identity":5}')
    company.ids |= {
        "gateway_id": world.gateway.name,
        "record_id": Quarantine.objects.latest("pk").pk,
        "location_id": world.places["Hall A"].pk,
        "zone_id": Zone.objects.filter(location=None).earliest("pk").pk,
        "tag_id": UnknownTag.objects.earliest("pk").pk,
        "identifier_id": Identifier.objects.filter(asset=company.asset("Pump 7")).latest("pk").pk,
    }
    return company


def picture(width: int, height: int, *, plan: bool) -> bytes:
    """A hall with two rooms, or a thing in front of a wall."""
    image = Image.new("RGB", (width, height), "white" if plan else (60, 110, 90))
    pen = ImageDraw.Draw(image)
    for left, top, right, bottom in ((0.03, 0.04, 0.97, 0.96), (0.03, 0.04, 0.48, 0.6), (0.48, 0.04, 0.97, 0.6)) if plan else ():
        pen.rectangle((left * width, top * height, right * width, bottom * height), outline="black", width=4)
    if not plan:
        pen.ellipse((width * 0.25, height * 0.2, width * 0.75, height * 0.8), fill=(225, 225, 215))
    out = BytesIO()
    image.save(out, "PNG" if plan else "JPEG")
    return out.getvalue()


def work_off(job: ImportJob) -> None:
    """Do what the work process does for an import."""
    going = ImportWork(job.pk, ROOT)
    while not going.step():
        pass
    going.close()


def _assets(company: Company) -> None:
    world, by = company.world, ROOT
    supplier = create_word(by=by, model=Supplier, name="Nordwerk GmbH", email="sales@nordwerk.example", customer_no="40117")
    centres = [create_word(by=by, model=CostCenter, code=c, name=n) for c, n in (("4711", "Workshop"), ("4720", "Sales"))]
    model = create_word(by=by, model=AssetModel, name="P 200", manufacturer="Nordwerk", replace_after_months=60)
    categories = {category.name: category for category in Category.objects.all()}
    for n, (name, category, home, known) in enumerate(THINGS):
        money: dict[str, Any] = {"currency": "EUR"} if {"purchase_cost", "storage_cost_month"} & known.keys() else {}
        register_asset(
            by=by, name=name, category=categories[category], home_location=world.places.get(home), supplier=supplier,
            cost_center=centres[n % 2], acquired_on=f"20{18 + n % 7}-03-01", identifiers=[NewIdentifier(f"tag:THING-{n:03d}")],
            **known, **money,
        )  # fmt: skip
    pump = world.assets["Pump 7"]
    changes = {
        "category": categories["Machines"], "model": model, "serial_no": "SN-4711-B", "warranty_until": "2099-12-31",
        "condition": 4, "purchase_cost": "12500", "currency": "EUR", "acquired_on": "2024-03-01", "in_service_on": "2024-03-14",
        "notes": "Oil every spring.\nThe spare seal lies in the store room.", "supplier": supplier, "cost_center": centres[0],
    }  # fmt: skip
    own = {"voltage": 400, "power": 2200, "manufactured_on": "2023-11-02"}
    change_asset(by=by, asset_id=pump.pk, version=1, changes=changes, custom=own, tags=["cold room", "critical spare"])
    put_all_into(by=by, pairs=[(company.asset("Torque wrench 40 to 200 Nm, in its case"), company.asset("Van HH-SP 204"))])
    put_all_into(by=by, pairs=[(world.assets["Drill"], pump)])
    link = add_link(by=by, asset=pump, other=world.assets["Pump 9"], kind="replaces")
    photo = files.attach(by=by, asset=pump, file=BytesIO(picture(900, 700, plan=False)), name="pump.jpg")
    files.attach(by=by, asset=pump, file=BytesIO(b"%PDF-1.4 manual"), name="Manual of the pump.pdf")
    company.ids |= {"asset_id": pump.pk, "file_id": photo.pk, "link_id": link.pk}


def _people_and_custody(company: Company) -> None:
    now, world, by = timezone.now(), company.world, actor(company.anna)
    berg = create_person(by=ROOT, name="Anna Berg", number="1001", email="berg@example.com", department="Workshop")
    novak = create_person(by=ROOT, name="Jan Novak", number="1002", department="Logistics")
    create_person(by=ROOT, name="Maximiliane Freifrau von Hohenstein-Wallersdorf", number="1003", department="Sales")
    invite(by=ROOT, username="jan", person=novak)
    issue_token(by=by, name="scales at the dock", user=company.anna)

    def out(names: Iterable[str], days_ago: float, due_in: float | None, **to: Any) -> Custody:
        ids = [company.asset(name).pk for name in names]
        due = now + DAY if due_in is not None else None
        made = services.check_out(by=by, asset_ids=ids, due_at=due, **to)
        span: dict[str, Any] = {"from_at": now - days_ago * DAY, "due_at": None if due_in is None else now + due_in * DAY}
        Custody.objects.filter(pk__in=[one.pk for one in made.custodies]).update(**span)
        return made.custodies[0]

    late = out(["Pump 8"], 3, -1, person_id=novak.pk, note="flooded cellar")
    out(["Cordless drill 18 V", "Laptop, spare"], 20, -6, person_id=berg.pk)
    out(["Phone 14"], 2, 0.05, person_id=novak.pk)
    out(["Label printer"], 1, 5, person_id=berg.pk)
    out(["Angle grinder"], 30, None, location=world.places["Office"])
    held = out(["Drawings of the dock"], 1, None, holder_id=company.asset("Van HH-SP 204").pk)
    services.check_in(by=by, asset_ids=[held.asset_id], condition=3)
    booked = None
    spans = (("Trade fair", 1, 3, True), ("Roof works of the whole west wing", 4, 6, True), ("Open day", 4, 5, False))
    for title, start, end, confirmed in spans:
        booked = bookings.book(
            by=by, title=title, person_id=berg.pk, asset_ids=[world.assets["Ladder long"].pk, company.asset("Forklift 2").pk],
            from_at=now + start * DAY, to_at=now + end * DAY, note="", confirmed=confirmed,
        )  # fmt: skip
    assert booked is not None
    places = {"from_location": world.places["Store room"], "to_location": world.places["Office"]}
    sent = transfers.request(by=by, asset_ids=[world.assets["Pump 7"].pk, world.assets["Pump 9"].pk], due_at=now + DAY, **places)
    transfers.dispatch(by=by, transfer_id=sent.pk)
    transfers.request(by=by, asset_ids=[company.asset("Compressor").pk], **places)
    person = Person.objects.get(pk=novak.pk)
    company.ids |= {
        "custody_id": late.pk,
        "booking_id": Booking.objects.earliest("pk").pk,
        "transfer_id": sent.pk,
        "person_id": person.pk,
        "secret": services.new_link(by=by, custody_id=late.pk),
    }


def _places(company: Company) -> None:
    hall, store, dock = (company.world.places[name] for name in ("Hall A", "Store room", "Dock"))
    change_location(by=ROOT, location=company.world.places["Hamburg"], latitude=53.5503, longitude=9.992)
    change_location(by=ROOT, location=store, storage_cost_month="380", currency="EUR")
    plan = plans.put(by=ROOT, location=hall, file=BytesIO(picture(800, 500, plan=True)), metres_per_pixel=0.05)
    for room, left, right in ((store, 0.03, 0.48), (dock, 0.48, 0.97)):
        corners = [(left, 0.04), (right, 0.04), (right, 0.6), (left, 0.6)]
        plans.outline(by=ROOT, plan=plan, location=Location.objects.get(pk=room.pk), corners=corners)
    create_location(by=ROOT, name="Kiel", kind="site")
    company.ids["plan_id"] = plan.pk


def _stock(company: Company) -> None:
    by, today, places = actor(company.anna), timezone.now().date(), company.world.places
    gloves, toner, epoxy = (company.asset(name) for name in ("Nitrile gloves, size 9", "Toner, black", "Epoxy, two parts"))
    low = stock.receive(by=by, asset_id=gloves.pk, location_id=places["Store room"].pk, quantity=40)
    stock.set_levels(by=by, line_id=low.pk, minimum=100, target=500)
    stock.take(by=by, line_id=low.pk, quantity=12, note="for the dock")
    stock.receive(by=by, asset_id=toner.pk, location_id=places["Office"].pk, quantity=6)
    for days, lot in ((12, "L-2291"), (-3, "L-2188"), (400, "L-2304")):
        stock.receive(
            by=by, asset_id=epoxy.pk, location_id=places["Store room"].pk, quantity="2.5", lot=lot, expires_on=today + days * DAY
        )
    company.ids["line_id"] = low.pk
    _agreement(company, by)


def _agreement(company: Company, by: Actor) -> None:
    """One of several kinds, each at another distance of its end."""
    today, vendor = timezone.localdate(), Supplier.objects.order_by("name").first()
    laptops = [company.asset(name).pk for name in ("Laptop of the front desk", "Laptop, spare")]
    van = [company.asset("Van HH-SP 204").pk]
    made: dict[str, Any] = {"vendor": vendor, "cost": "1290", "currency": "EUR", "period": "year"}
    office = agreements.make(
        by=by, name="Office programs", kind="licence", seats=3, asset_ids=laptops, ends_on=today + 60 * DAY, auto_renew=True,
        renew_months=12, notice_days=30, number="C-2291", terms="Per person, on two machines at most.", **made,
    )  # fmt: skip
    agreements.make(by=by, name="Van, fully comprehensive", kind="insurance", asset_ids=van, ends_on=today + 5 * DAY, **made)
    agreements.make(by=by, name="example.com", kind="domain", asset_ids=laptops[:1], ends_on=today + 85 * DAY, **made)
    agreements.make(by=by, name="Compressor, parts", kind="warranty", ends_on=today - 90 * DAY)
    person = Person.objects.filter(active=True).order_by("name").first()
    assert person is not None
    agreements.give_seat(by=by, agreement_id=office.pk, person_id=person.pk)
    seat = agreements.give_seat(by=by, agreement_id=office.pk, asset_id=laptops[0], note="front desk")
    paper = agreements.add_paper(by=by, agreement_id=office.pk, file=BytesIO(b"What was agreed.\n"), name="contract.txt")
    plan = maintenance.make(
        by=by, name="Inspection", asset=Asset.objects.get(pk=van[0]), trigger="meter", every="15000", unit="km"
    )
    reading = meters.read(by=by, asset_id=van[0], unit="km", value="48200")
    steps = ["Look at the brakes", "Change the oil", "Note the mileage"]
    work = orders.make(by=by, asset_id=van[0], title="Service before the winter", due_on=today + 3 * DAY, checklist=steps)
    orders.make(by=by, asset_id=company.asset("Compressor").pk, title="Leaks at the valve", due_on=today - 2 * DAY)
    begun = orders.make(by=by, asset_id=laptops[1], title="New battery", assignee=person)
    orders.change(by=by, order_id=begun.pk, version=1, changes={"state": "in_progress"})
    for days, score in ((700, 5), (400, 4), (90, 4), (3, 2)):
        condition.assess(by=by, asset_id=van[0], score=score, judged_on=str(today - days * DAY), notes="Looked at.")
    company.ids |= {"maintenance_id": plan.pk, "work_order_id": work.pk, "meter_id": reading.meter_id}
    company.ids |= {"agreement_id": office.pk, "seat_id": seat.pk, "paper_id": paper.pk}


def _audits(company: Company) -> None:
    """One planned, one open, one in review with several kinds of findings, one signed with a case."""
    places, today = company.world.places, timezone.localdate()

    def planned(name: str, *of: str, **more: Any) -> Campaign:
        scope = audits.Scope([places[place].pk for place in of])
        return audits.plan(by=ROOT, name=name, scope=scope, **({"from_on": today - 2 * DAY, "until_on": today + 5 * DAY} | more))

    def collected(campaign: Campaign, *scans: tuple[str, str], done: str) -> Campaign:
        opening.open_campaign(by=ROOT, campaign_id=campaign.pk)
        given = [walking.Given(places[place].pk, text=text) for text, place in scans]
        walking.take(by=ROOT, campaign_id=campaign.pk, given=given)
        walking.room_done(by=ROOT, campaign_id=campaign.pk, location=places[done].pk)
        return campaign

    draft = planned("The whole of Hamburg, and what our people have with them", "Hamburg", recurrence="yearly", note="With keys.")
    pump, ladder = company.world.assets["Pump 7"].asset_no, company.asset("Ladder long").asset_no
    begun = collected(planned("Hall A in spring", "Hall A"), (pump, "Store room"), (ladder, "Dock"), done="Store room")
    signed = collected(planned("Office, last year", "Office"), done="Office")
    reviewing.begin(by=ROOT, campaign_id=signed.pk)
    lost = list(Finding.objects.filter(campaign=signed).exclude(outcome="found").values_list("pk", flat=True))
    reviewing.resolve(by=ROOT, campaign_id=signed.pk, findings=lost, resolution="ignored", note="In the other building.")
    signing.sign(by=ROOT, campaign_id=signed.pk, signed_as="Anna Berg")
    Case.objects.create(asset=company.asset("Phone 14"), campaign=signed, opened_at=timezone.now())
    reviewed = collected(planned("Dock and stores", "Hall A", "Office"), (pump, "Dock"), ("NOBODYS", "Dock"), done="Store room")
    reviewing.begin(by=ROOT, campaign_id=reviewed.pk)
    company.ids |= {
        "audit_id": begun.pk, "audit_draft": draft.pk, "audit_reviewed": reviewed.pk, "audit_signed": signed.pk,
        "room_id": places["Store room"].pk,
    }  # fmt: skip


def _kept_for_later(company: Company) -> None:
    """Imports in each state, a bulk change, saved views, a schedule, mail that nobody took."""
    by, now = actor(company.anna), timezone.now()
    table = TABLE.format(known=company.world.assets["Pump 7"].asset_no)
    jobs = [imports.receive(by=by, name=f"tools {n}.csv", chunks=[f"{table}{n};\n".encode()]) for n in range(2026, 2029)]
    imports.start_check(by=by, job=jobs[1], mapping=jobs[1].mapping, options={"make": ["category"]}, queued=False)
    work_off(jobs[1])
    clean = imports.receive(by=by, name="chairs.csv", chunks=[b"Name;Barcode\nChair red;tag:CH-1\nChair blue;tag:CH-2\n"])
    imports.start_check(by=by, job=clean, mapping=clean.mapping, options={"number": True}, queued=False)
    work_off(clean)
    imports.confirm(by=by, job=ImportJob.objects.get(pk=clean.pk), queued=False)
    work_off(clean)
    imports.cancel(by=by, job=jobs[2])
    changing = [company.asset(name).pk for name in ("Chair red", "Chair blue")]
    run = bulk_edit.confirm(by=by, token=bulk_edit.preview(by, Edit("order_ref", "PO-1"), changing).token)
    van = company.asset("Van HH-SP 204")
    plan = many.put_into(by=by, asset_ids=[company.asset("Chair blue").pk], container=van, kind="contents")
    handled = many.start(by=by, plan=plan)
    view = saved_views.save(by=by, area="assets", name="Tools in use", query="status=in_use", shared=True)
    schedule = Schedule.objects.create(
        user=company.anna, report="owned", filters={}, every="week", form="pdf", next_at=now + 3 * DAY
    )
    message = outgoing.put(sink="mail", topic="berg@example.com", key="berg@example.com", payload={"subject": "Due today"})
    Outgoing.objects.filter(pk=message.pk).update(dead=True, attempts=12, error="550 no such mailbox here")
    company.ids |= {
        "job_id": jobs[1].pk, "job_new": jobs[0].pk, "job_done": clean.pk, "run_id": run.pk, "handled_id": handled.pk,
        "view_id": view.pk, "schedule_id": schedule.pk, "message_id": message.pk, "word_id": Supplier.objects.earliest("pk").pk,
    }  # fmt: skip
