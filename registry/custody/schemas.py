"""What the operations of custody, bookings and transfers take and give."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Prefetch
from django.urls import reverse
from ninja import Schema
from pydantic import AwareDatetime, Field

from registry.access.actors import Actor
from registry.assets.models import Asset, Location
from registry.assets.schemas import AssetRef, asset_ref
from registry.custody import services
from registry.custody.models import Booking, BookingItem, Custody, Transfer, TransferItem
from registry.custody.scope import MOST_ASSETS
from registry.operations import Paged, Strict, Told

Assets = Annotated[list[UUID], Field(min_length=1, max_length=MOST_ASSETS)]
Note = Annotated[str, Field(max_length=1_000)]


class Named(Told):
    id: UUID | None
    name: str


class CustodyOut(Told):
    """One asset with one holder: of `person`, `location` and `holder` one is set. Not back while `to_at` is null."""

    id: UUID
    asset: AssetRef
    person: Named | None
    location: Named | None
    holder: Named | None
    from_at: datetime
    due_at: datetime | None
    to_at: datetime | None
    batch: UUID = Field(description="Of all that was handed out together")
    accepted_at: datetime | None
    accepted_as: str
    signed: bool
    note: str
    note_in: str
    condition_out: int | None
    condition_in: int | None
    booking: UUID | None


class CustodyPage(Paged):
    items: list[CustodyOut]


class CheckOut(Strict):
    assets: Assets
    person: UUID | None = None
    location: UUID | None = None
    holder: UUID | None = Field(default=None, description="Another asset that gets them: a van, a case")
    due_at: AwareDatetime | None = Field(default=None, description="Null: until further notice")
    note: Note = ""
    kits: bool = Field(default=True, description="With what belongs to those of them that are kits")
    over_bookings: bool = Field(default=False, description="True: the bookings of others do not count")


class CheckedOut(Schema):
    items: list[CustodyOut]
    accept_path: str | None = Field(description="Of the page on which the person accepts them; shown this once")


class AcceptLink(Schema):
    accept_path: str = Field(description="Of the page on which the person accepts them; shown this once")


class CheckIn(Strict):
    assets: Assets
    location: UUID | None = None
    condition: Annotated[int, Field(ge=1, le=5)] | None = None
    note: Note = ""
    kits: bool = True


class CameBack(Strict):
    assets: Assets


class CheckedIn(Schema):
    items: list[CustodyOut]


class Extend(Strict):
    due_at: AwareDatetime | None
    over_bookings: bool = False


class HandOver(Strict):
    person: UUID
    due_at: AwareDatetime | None = None
    note: Note = ""


class BookingOut(Told):
    id: UUID
    title: str
    person: Named
    from_at: datetime
    to_at: datetime
    state: str
    note: str
    assets: list[AssetRef] = Field(description="Those in your scope")
    version: int


class BookingPage(Paged):
    items: list[BookingOut]


class NewBooking(Strict):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    person: UUID
    assets: Assets
    from_at: AwareDatetime
    to_at: AwareDatetime
    note: Note = ""
    confirmed: bool = Field(default=True, description="False: only ask for it; nothing is held until it is confirmed")


class TransferItemOut(Told):
    asset: AssetRef
    state: str
    arrived_at: datetime | None
    confirmed_by: str = Field(description="read, scan, hand, or empty")
    event: UUID | None


class TransferOut(Told):
    id: UUID
    number: str
    from_location: Named
    to_location: Named
    state: str
    new_home: bool
    dispatched_at: datetime | None
    due_at: datetime | None
    arrived_at: datetime | None
    note: str
    items: list[TransferItemOut] = Field(description="Those in your scope")
    version: int


class TransferPage(Paged):
    items: list[TransferOut]


class NewTransfer(Strict):
    assets: Assets
    from_location: UUID
    to_location: UUID
    due_at: AwareDatetime | None = None
    note: Note = ""
    new_home: bool = Field(default=True, description="Where they arrive is their home from then on")


class Arrivals(Strict):
    assets: Assets


def place_ref(by: Actor, place: Location | None) -> Named | None:
    """A place out of their scope is `elsewhere`, without its id."""
    if place is None:
        return None
    seen = by.sees_place(place.path)
    return Named(id=place.pk if seen else None, name=place.name if seen else "elsewhere")


def custody_out(by: Actor, c: Custody, holders: set[UUID]) -> CustodyOut:
    """`holders`: the assets in scope among those that hold others."""
    holder = None
    if c.holder is not None:
        seen = c.holder.pk in holders
        holder = Named(id=c.holder.pk if seen else None, name=str(c.holder) if seen else "another asset")
    return CustodyOut(
        id=c.pk,
        asset=asset_ref(c.asset),
        person=Named(id=c.person.pk, name=c.person.name) if c.person is not None else None,
        location=place_ref(by, c.location),
        holder=holder,
        from_at=c.from_at,
        due_at=c.due_at,
        to_at=c.to_at,
        batch=c.batch,
        accepted_at=c.accepted_at,
        accepted_as=c.accepted_as,
        signed=c.signature_id is not None,
        note=c.note,
        note_in=c.note_in,
        condition_out=c.condition_out,
        condition_in=c.condition_in,
        booking=c.booking_id,
    )


def custodies_out(by: Actor, rows: Any) -> list[CustodyOut]:
    held = [c.holder_id for c in rows if c.holder_id is not None]
    holders = set(Asset.objects.visible_to(by).filter(pk__in=held).values_list("pk", flat=True)) if held else set()
    return [custody_out(by, c, holders) for c in rows]


def checked_out(by: Actor, out: services.CheckedOut) -> CheckedOut:
    path = reverse("custody-accept", args=[out.link_secret]) if out.link_secret else None
    return CheckedOut(items=custodies_out(by, out.custodies), accept_path=path)


def with_assets(model: type[BookingItem | TransferItem]) -> Any:
    """Items with what asset_ref() says of their assets, in the same query: prefetched by themselves, a thousand would be too many
    for SQLite."""
    own = [field.attname for field in model._meta.concrete_fields]
    rows = model._default_manager.select_related("asset").only(*own, "asset__asset_no", "asset__name")
    return Prefetch("items", rows)


def bookings_out(by: Actor, rows: list[Booking]) -> list[BookingOut]:
    """Rows with `items__asset` prefetched."""
    seen = _seen(by, [item.asset_id for b in rows for item in b.items.all()])
    return [
        BookingOut(
            id=b.pk,
            title=b.title,
            person=Named(id=b.person.pk, name=b.person.name),
            from_at=b.from_at,
            to_at=b.to_at,
            state=b.state,
            note=b.note,
            assets=[asset_ref(item.asset) for item in b.items.all() if item.asset_id in seen],
            version=b.version,
        )
        for b in rows
    ]


def transfers_out(by: Actor, rows: list[Transfer]) -> list[TransferOut]:
    """Rows with `items__asset` prefetched and both places."""
    seen = _seen(by, [item.asset_id for t in rows for item in t.items.all()])
    found = []
    for t in rows:
        start, end = place_ref(by, t.from_location), place_ref(by, t.to_location)
        assert start is not None
        assert end is not None
        items = [
            TransferItemOut(
                asset=asset_ref(item.asset),
                state=item.state,
                arrived_at=item.arrived_at,
                confirmed_by=item.confirmed_by,
                event=item.event_id,
            )
            for item in t.items.all()
            if item.asset_id in seen
        ]
        plain = {
            name: getattr(t, name) for name in ("number", "state", "new_home", "dispatched_at", "due_at", "arrived_at", "note")
        }
        found.append(TransferOut(id=t.pk, from_location=start, to_location=end, items=items, version=t.version, **plain))
    return found


def _seen(by: Actor, asset_ids: list[UUID]) -> set[UUID]:
    return set(Asset.objects.visible_to(by).filter(pk__in=asset_ids).values_list("pk", flat=True)) if asset_ids else set()
