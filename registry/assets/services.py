"""What may be done to assets and their codes. Each function is one transaction and may be called inside a larger one.

Places and categories: trees.py. Many at once: importing.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone

from identity.keys import Level
from identity.resolve import Identity, resolve_text, second_reading
from registry.assets.models import KEY_CHARS, NAME_CHARS, Asset, Category, Identifier, Location, Numbering
from registry.problems import Invalid, NotFound, Stale, Taken
from registry.texts import line

ASSET_NO_SERIES: Final = "asset_no"
ASSET_NO_CHARS: Final = 40


class NewIdentifier(NamedTuple):
    """A code as typed or scanned: EPC hex, URN, GS1 element string, Digital Link, canonical key, or the text of a label."""

    text: str
    kind: str | None = None  # None: what the text looks like


@dataclass(frozen=True, slots=True)
class Found:
    """What a code means: its identity, and the asset that has it now, if one does."""

    identity: Identity
    asset: Asset | None


@transaction.atomic
def register_asset(
    *,
    name: str,
    asset_no: str | None = None,
    kind: str = Asset.Kind.PHYSICAL,
    status: str = Asset.Status.IN_USE,
    category: Category | None = None,
    home_location: Location | None = None,
    identifiers: Sequence[NewIdentifier] = (),
) -> Asset:
    """Make an asset with its codes, all or nothing. Without `asset_no` it gets the next free one (`A-000001`).

    Raises Invalid, Taken."""
    asset = Asset(
        asset_no=line(asset_no, field="asset_no", most=ASSET_NO_CHARS) if asset_no else take_asset_nos(1)[0],
        name=line(name, field="name", most=NAME_CHARS),
        kind=one_of(kind, Asset.Kind.values, "kind"),
        status=one_of(status, Asset.Status.values, "status"),
        category=category,
        home_location=home_location,
    )
    try:
        with transaction.atomic():
            asset.save(force_insert=True)
    except IntegrityError:
        raise Taken(f"asset_no: there is an asset {asset.asset_no}", field="asset_no") from None
    for new in identifiers:
        add_identifier(asset=asset, text=new.text, kind=new.kind)
    return asset


@transaction.atomic
def change_asset(*, asset_id: UUID, version: int, changes: Mapping[str, Any]) -> Asset:
    """Change some of: asset_no, name, kind, status, category, home_location. `version` is the one the caller saw: if somebody was
    faster nothing changes. Raises Invalid, Taken, NotFound, Stale."""
    values = {field: _checked(field, value) for field, value in changes.items()}
    own = Asset.objects.filter(pk=asset_id, version=version)
    try:
        with transaction.atomic():
            changed = own.update(**values, version=F("version") + 1, changed_at=timezone.now())
    except IntegrityError:
        raise Taken(f"asset_no: there is an asset {values.get('asset_no')}", field="asset_no") from None
    asset = Asset.objects.select_related("category", "home_location").filter(pk=asset_id).first()
    if asset is None:
        raise NotFound("this asset does not exist any more")
    if not changed:
        raise Stale(f"{asset.asset_no} was changed meanwhile (version {asset.version}, you saw {version})")
    return asset


@transaction.atomic
def add_identifier(
    *,
    asset: Asset,
    text: str,
    kind: str | None = None,
    valid_from: datetime | None = None,
    key: str | None = None,
    projected: bool = False,
) -> Identifier:
    """Make the asset known by one more code. Nothing else may have the code now. `key` is given when `text` is resolved already.

    The code brings its past along: what was told of it since `valid_from` (None: since ever, or since the asset that had it
    before lost it) counts for this asset, and its entry among the unknown tags goes. The tracking app sees to that: at once where
    it adds the code itself (`projected`: tracking.services.claim_unknown_tag), else within a second, by the ingest process.

    Raises Invalid, Taken."""
    if key is None:
        found = identify(text)
        key, kind = found.key, kind or kind_of(text, found)
    if (retired := retired_until([key]).get(key)) is not None:
        valid_from = max(retired, valid_from or retired)
    identifier = Identifier(
        asset=asset,
        key=key,
        raw=line(text, field="identifier", most=KEY_CHARS),
        kind=one_of(kind or Identifier.Kind.MANUAL, Identifier.Kind.values, "kind"),
        valid_from=valid_from,
        projected=projected,
    )
    try:
        with transaction.atomic():
            identifier.save(force_insert=True)
    except IntegrityError:
        raise Taken(f"identifier: {owner_in_words(key)} has {key}", field="identifier") from None
    return identifier


@transaction.atomic
def retire_identifier(*, identifier_id: UUID, at: datetime | None = None) -> Identifier:
    """Take a code off its asset (the tag was replaced, the label torn off). What was told of it until now stays with the asset;
    from now on it is an unknown tag, and free for another asset. Raises NotFound, Invalid."""
    identifier = Identifier.objects.select_for_update().select_related("asset").filter(pk=identifier_id).first()
    if identifier is None:
        raise NotFound("this identifier does not exist")
    if identifier.state == Identifier.State.RETIRED:
        raise Invalid(f"{identifier.key} is retired already")
    end = at or timezone.now()
    if identifier.valid_from is not None and end < identifier.valid_from:
        raise Invalid("at: lies before the identifier was put on", field="at")
    identifier.state, identifier.valid_to, identifier.projected = Identifier.State.RETIRED, end, False
    identifier.save(update_fields=["state", "valid_to", "projected"])
    return identifier


def resolve_code(text: str) -> Found:
    """Say what any code means that a person or a scanner gives. Never raises."""
    first = resolve_text(text)
    owner = _owner(first.key)
    if owner is None and (other := second_reading(text)) is not None and (its := _owner(other.key)) is not None:
        return Found(other, its)
    return Found(first, owner)


def identify(text: str) -> Identity:
    """Return the identity of a code that is to be one asset's own. Raises Invalid."""
    if not text.strip():
        raise Invalid("identifier: write a code here", field="identifier")
    found = resolve_text(text)
    if found.level in (Level.CLASS, Level.PLACE):
        what = "a kind of thing, all of them alike" if found.level == Level.CLASS else "a place"
        raise Invalid(f"identifier: {found.key} names {what}, not one asset", field="identifier")
    if len(found.key) > KEY_CHARS:
        raise Invalid(f"identifier: longer than {KEY_CHARS} characters", field="identifier")
    return found


def kind_of(text: str, found: Identity) -> str:
    """What carries the code, as far as its text shows."""
    typed = text.strip().lower()
    if found.key.startswith("tid:"):
        return Identifier.Kind.TID
    if typed.startswith("urn:epc:") or found.key.startswith("uii:") or (found.key[:4] != "tag:" and _is_hex(typed)):
        return Identifier.Kind.EPC
    return Identifier.Kind.BARCODE


def retired_until(keys: Sequence[str]) -> dict[str, datetime]:
    """Return until when another asset had each of these codes, where one had."""
    rows = (
        Identifier.objects.filter(key__in=keys, state=Identifier.State.RETIRED).values_list("key").annotate(until=Max("valid_to"))
    )
    return {key: until for key, until in rows.order_by() if until is not None}


def owner_in_words(key: str) -> str:
    owner = _owner(key)
    return f"asset {owner.asset_no}" if owner is not None else "another asset"


def take_asset_nos(count: int) -> list[str]:
    """Take the next free numbers of the series; whoever asks meanwhile waits for our transaction."""
    numbering = hold(ASSET_NO_SERIES)
    last = numbering.last
    taken: list[str] = []
    while len(taken) < count:
        some = [f"A-{last + 1 + i:06d}" for i in range(count - len(taken))]
        last += len(some)
        used = set(Asset.objects.filter(asset_no__in=some).values_list("asset_no", flat=True))
        taken += [asset_no for asset_no in some if asset_no not in used]
    Numbering.objects.filter(pk=numbering.pk).update(last=last)
    return taken


def hold(series: str) -> Numbering:
    """Lock one row that all who do the same kind of work lock first, until the transaction ends."""
    Numbering.objects.bulk_create([Numbering(series=series)], ignore_conflicts=True)
    return Numbering.objects.select_for_update().get(pk=series)


def one_of(value: str, known: Sequence[str], field: str) -> str:
    if value not in known:
        raise Invalid(f"{field}: {value[:40]!r} is not one of {', '.join(known)}", field=field)
    return value


def _owner(key: str) -> Asset | None:
    identifier = Identifier.objects.active().filter(key=key).select_related("asset__category", "asset__home_location").first()
    return identifier.asset if identifier is not None else None


def _is_hex(text: str) -> bool:
    return len(text) >= 16 and set(text) <= set("0123456789abcdef")


def _checked(field: str, value: Any) -> Any:
    match field:
        case "asset_no":
            return line(value, field=field, most=ASSET_NO_CHARS)
        case "name":
            return line(value, field=field, most=NAME_CHARS)
        case "kind":
            return one_of(value, Asset.Kind.values, field)
        case "status":
            return one_of(value, Asset.Status.values, field)
        case "category" | "home_location":
            return value
    raise Invalid(f"{field}: cannot be changed", field=field)
