"""What may be done to assets and their codes. Each function is one transaction and may be called inside a larger one.

All take `by`, who does it: out of their scope is NotFound, in scope without the right Forbidden. All write the log of changes.
Places and categories: trees.py. What the fields may be: values.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone

from identity.keys import Level
from identity.resolve import Identity, resolve_text, second_reading
from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import custom as own_fields
from registry.assets import tags as words
from registry.assets import values as fields
from registry.assets.lifespan import follow, replaced_on
from registry.assets.models import KEY_CHARS, Asset, Category, Identifier, Location, Numbering
from registry.assets.values import one_of
from registry.problems import Forbidden, Invalid, NotFound, Stale, Taken
from registry.texts import line

ASSET_NO_SERIES: Final = "asset_no"
TAKEN_NO: Final = "asset_no: taken"  # the same for numbers of retired and foreign assets: who may not see one learns nothing


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
    by: Actor,
    identifiers: Sequence[NewIdentifier] = (),
    custom: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    **given: Any,
) -> Asset:
    """Make an asset with its codes, all or nothing. `given` are fields of values.CHECKS; `name` is needed, for the others there
    are the defaults of the category and the model's; without `asset_no` it gets the next free one (`A-000001`).

    `custom` are values of the company's own fields by key; None: nobody was asked for them, so that none is missing.
    Raises Invalid, Taken, Forbidden; Several where more than one value is wrong."""
    if not given.get("asset_no"):
        given["asset_no"] = take_asset_nos(1)[0]
    given.setdefault("name", "")
    if "category" not in given and given.get("model") is not None:
        given["category"] = given["model"].category
    chosen = fields.all_checked(defaults_of(given.get("category")) | given)
    if chosen.get("replace_on") is None:
        chosen["replace_on"] = replaced_on(chosen.get("in_service_on"), chosen.get("model"), chosen.get("category"))
    must_be_allowed_at(by, Action.EDIT, chosen.get("home_location"), chosen.get("category"))
    asset = Asset(**chosen)
    fields.agree({name: getattr(asset, name) for name in fields.CHECKS})
    try:
        with transaction.atomic():
            asset.save(force_insert=True)
    except IntegrityError:
        raise Taken(TAKEN_NO, field="asset_no") from None
    said = {name: value for name, value in chosen.items() if value not in (None, "")}
    if custom is not None:
        said |= own_fields.put_values(asset, custom, complete=True)[1]
    if tags:
        said["tags"] = words.put(asset, tags)[1]
    log.record(by, asset, "created", **said)
    for new in identifiers:
        add_identifier(by=by, asset=asset, text=new.text, kind=new.kind)
    return asset


@transaction.atomic
def change_asset(
    *,
    by: Actor,
    asset_id: UUID,
    version: int,
    changes: Mapping[str, Any],
    custom: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
) -> Asset:
    """Change some fields of values.CHECKS, some values of the company's own fields by key (None takes one away), and the tags
    (None: leave them). `version` is the one the caller saw: if somebody was faster nothing changes.

    Raises Invalid, Taken, NotFound, Forbidden, Stale; Several where more than one value is wrong."""
    money_alone = custom is None and tags is None and changes.keys() <= fields.VALUE_FIELDS
    allowed = Action.VALUE if money_alone else Action.EDIT
    asset = own(by, asset_id, allowed)
    chosen = fields.all_checked(changes)
    before = {name: getattr(asset, name) for name in fields.CHECKS}
    chosen = follow(before, chosen)
    if "status" in chosen and "label" not in chosen and asset.label is not None and asset.label.status != chosen["status"]:
        chosen["label"] = None
    fields.agree(before | chosen)
    if {"home_location", "category"} & chosen.keys():  # nobody moves a thing to where they may do nothing with it
        after = before | chosen
        must_be_allowed_at(by, allowed, after["home_location"], after["category"], asset)
    try:
        with transaction.atomic():
            changed = Asset.objects.filter(pk=asset_id, version=version).update(
                **chosen, version=F("version") + 1, changed_at=timezone.now()
            )
    except IntegrityError:
        raise Taken(TAKEN_NO, field="asset_no") from None
    if not changed:
        now = Asset.objects.filter(pk=asset_id).values_list("version", flat=True).first()
        raise Stale(f"{asset.asset_no} was changed meanwhile (version {now}, you saw {version})")
    asset = Asset.objects.select_related("category", "home_location").get(pk=asset_id)
    was, now_is = {name: before[name] for name in chosen}, dict(chosen)
    if custom is not None:
        old, new = own_fields.put_values(asset, custom, complete=True)
        was, now_is = was | old, now_is | new
    if tags is not None:
        was["tags"], now_is["tags"] = words.put(asset, tags)
    log.record(by, asset, "changed", was, **now_is)
    return asset


@transaction.atomic
def replace_identifier(*, by: Actor, identifier_id: UUID, text: str, kind: str | None = None) -> Identifier:
    """A new tag or label for an old one, in one step: the old code is retired, the new one added, history stays with the asset.

    Raises Invalid, Taken, NotFound, Forbidden."""
    old = retire_identifier(by=by, identifier_id=identifier_id)
    if identify(text).key == old.key:
        raise Invalid("identifier: that is the code it has", field="identifier")
    return add_identifier(by=by, asset=old.asset, text=text, kind=kind)


@transaction.atomic
def add_identifier(
    *,
    by: Actor,
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

    Raises Invalid, Taken, NotFound, Forbidden."""
    own(by, asset.pk, Action.HANDLE)
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
        raise Taken(taken_code(by, key), field="identifier") from None
    log.record(by, asset, "code added", code=key, kind=identifier.kind)
    return identifier


@transaction.atomic
def retire_identifier(*, by: Actor, identifier_id: UUID, at: datetime | None = None) -> Identifier:
    """Take a code off its asset (the tag was replaced, the label torn off). What was told of it until now stays with the asset;
    from now on it is an unknown tag, and free for another asset. Raises NotFound, Forbidden, Invalid."""
    identifier = Identifier.objects.select_for_update(of=("self",)).select_related("asset").filter(pk=identifier_id).first()
    if identifier is None:
        raise NotFound("this identifier does not exist")
    own(by, identifier.asset_id, Action.HANDLE)
    if identifier.state == Identifier.State.RETIRED:
        raise Invalid(f"{identifier.key} is retired already")
    end = at or timezone.now()
    if identifier.valid_from is not None and end < identifier.valid_from:
        raise Invalid("at: lies before the identifier was put on", field="at")
    identifier.state, identifier.valid_to, identifier.projected = Identifier.State.RETIRED, end, False
    identifier.save(update_fields=["state", "valid_to", "projected"])
    log.record(by, identifier.asset, "code retired", {"code": identifier.key}, until=end)
    return identifier


def own(by: Actor, asset_id: UUID, action: Action) -> Asset:
    """The asset, if `by` may do this with it. Raises NotFound, Forbidden."""
    asset = Asset.objects.visible_to(by, action).select_related("category", "home_location", "label").filter(pk=asset_id).first()
    if asset is not None:
        return asset
    must_be_allowed(by, action, [asset_id])
    raise NotFound("this asset does not exist any more")


def must_be_allowed(by: Actor, action: Action, asset_ids: Collection[UUID]) -> None:
    """Raises NotFound if one of the assets is out of their scope, Forbidden if they may not do this with one they see."""
    wanted = set(asset_ids)
    if by.may_everywhere(action) or wanted <= set(_among(by, action, wanted)):
        return
    if not wanted <= set(_among(by, Action.VIEW, wanted)):
        raise NotFound("there is no such asset")
    raise Forbidden(f"your role does not allow this here ({action})")


def _among(by: Actor, action: Action, asset_ids: Collection[UUID]) -> list[UUID]:
    return list(Asset.objects.visible_to(by, action).order_by().filter(pk__in=asset_ids).values_list("pk", flat=True))


def must_be_allowed_at(
    by: Actor, action: Action, home: Location | None, category: Category | None, asset: Asset | None = None
) -> None:
    """Raises Forbidden if `by` could not do this with an asset of this home and category; `asset`: it has a position too."""
    position = getattr(asset, "position", None) if asset is not None else None
    here = position.location if position is not None else None
    paths = [place.path for place in (home, here) if place is not None]
    if not by.may(action, location_paths=paths, category_path=category.path if category is not None else None):
        raise Forbidden("your role does not allow this for that home and category", field="home_location")


def defaults_of(category: Category | None) -> dict[str, Any]:
    """What a new asset of this category starts with: its own defaults over those of the categories above it."""
    if category is None:
        return {}
    above = [*Category.objects.get_ancestors(category), category]
    found: dict[str, Any] = {}
    for one in above:
        found |= {name: value for name, value in one.defaults.items() if name in fields.CHECKS}
    return found


def resolve_code(text: str, *, by: Actor) -> Found:
    """Say what any code means that a person or a scanner gives. An asset that `by` may not see is none. Never raises."""
    first = resolve_text(text)
    owner = _owner(by, first.key)
    if owner is None and (other := second_reading(text)) is not None and (its := _owner(by, other.key)) is not None:
        return Found(other, its)
    return Found(first, owner)


def resolve_codes(texts: Collection[str], *, by: Actor) -> dict[str, Found]:
    """As resolve_code, of many codes in two queries."""
    first = {text: resolve_text(text) for text in texts}
    second = {text: other for text in first if (other := second_reading(text)) is not None}
    keys = {identity.key for identity in (*first.values(), *second.values())}
    bears = list(Identifier.objects.active().filter(key__in=keys).select_related("asset__category", "asset__home_location"))
    if not by.may_everywhere(
        Action.VIEW
    ):  # by itself: of a joined scope PostgreSQL makes a plan of minutes while it has no statistics
        borne = {one.asset_id for one in bears}
        seen = set(Asset.objects.visible_to(by).order_by().filter(pk__in=borne).values_list("pk", flat=True))
        bears = [one for one in bears if one.asset_id in seen]
    owners = {str(one.key): one.asset for one in bears}
    found = {text: Found(identity, owners.get(identity.key)) for text, identity in first.items()}
    for text, other in second.items():
        if found[text].asset is None and other.key in owners:
            found[text] = Found(other, owners[other.key])
    return found


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


def taken_code(by: Actor, key: str) -> str:
    """Why a code cannot be had, naming its owner only to who may see it."""
    owner = Asset.objects.visible_to(by).filter(identifiers__key=key, identifiers__state=Identifier.State.ACTIVE).first()
    return f"identifier: asset {owner.asset_no} has {key}" if owner is not None else "identifier: taken"


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


def _owner(by: Actor, key: str) -> Asset | None:
    bears = Asset.objects.visible_to(by).filter(identifiers__key=key, identifiers__state=Identifier.State.ACTIVE)
    return bears.select_related("category", "home_location").first()


def _is_hex(text: str) -> bool:
    return len(text) >= 16 and set(text) <= set("0123456789abcdef")
