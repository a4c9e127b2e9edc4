"""Giving assets codes of our own for their labels: GIAI or GRAI from the company's GS1 prefix, or their number.

The last number given out stands in assets.models.Numbering, one row a series (`giai:4012345`, `grai:401234500001`); whoever
assigns holds that row, so two at once never give out the same. A number that any asset ever had is passed over, for good.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from identity import company, epc, gs1
from identity.keys import Level
from identity.resolve import resolve_barcode
from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Identifier, Numbering
from registry.assets.services import hold, must_be_allowed
from registry.labels.choices import Scheme
from registry.problems import Invalid, Problem, Several, Taken

MOST_AT_ONCE: Final = 1000  # in one transaction
_NUMBER_SERIES: Final = "label_number"  # gives out nothing, but is held all the same: then nobody adds the code meanwhile


@transaction.atomic
def assign_keys(*, by: Actor, asset_ids: Collection[UUID], scheme: Scheme, asset_type: int = 0) -> list[Identifier]:
    """Make each of these assets known by a code of our own, all or none. One that has a GIAI or GRAI of our prefix (for NUMBER:
    its own number) as a code already keeps it and gets no other. `asset_type` is that of a GRAI.

    Return the new identifiers. Raises Invalid (no prefix in the settings, none left, too many), Taken, NotFound, Forbidden."""
    wanted = set(asset_ids)
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid(f"assets: {MOST_AT_ONCE} at most get codes at once", field="assets")
    must_be_allowed(by, Action.HANDLE, wanted)
    assets = Asset.objects.filter(pk__in=wanted).order_by("asset_no")
    if scheme is Scheme.NUMBER:
        hold(_NUMBER_SERIES)
        keys = _number_keys(by, list(assets))
    else:
        keys = _gs1_keys(assets, scheme, company_prefix(), asset_type)
    return _store(by, keys)


def next_key(scheme: Scheme, asset_type: int = 0) -> str:
    """The GS1 key that would be given out next, if nobody is faster. Raises Invalid as `assign_keys`."""
    series, make = _series(scheme, company_prefix(), asset_type)
    last = Numbering.objects.filter(pk=series).values_list("last", flat=True).first() or 0
    try:
        return make(int(last) + 1)
    except epc.DoesNotFit as none_left:
        raise _none_left(1, none_left) from None


def company_prefix() -> str:
    """The company's own GS1 prefix. Raises Invalid when registry.toml names none."""
    prefix: str | None = settings.CONFIGURATION.company.gs1_prefix
    if prefix is None:
        raise Invalid("assign: name your GS1 company prefix first, as gs1_prefix in registry.toml, [company]", field="assign")
    return prefix


def ours(prefix: str) -> Q:
    """Identifiers that are a GIAI or GRAI of this prefix."""
    return Q(key__startswith=f"8004:{prefix}") | Q(key__startswith=f"8003:0{prefix}")


def number_key(asset_no: str) -> str:
    """What a camera makes of a label that carries the asset's number as plain text. Raises Invalid for a number that already
    means something else."""
    found = resolve_barcode(asset_no.encode())
    if found.level is not Level.ASSET:
        raise Invalid(f"{asset_no} as a code would mean {found.key}, which is not one asset; print another code", field="carries")
    return found.key


def _number_keys(by: Actor, assets: Sequence[Asset]) -> list[tuple[Asset, str]]:
    keys = {number_key(asset.asset_no): asset for asset in assets}
    having = dict(Identifier.objects.active().filter(key__in=keys).values_list("key", "asset_id"))
    problems: list[Problem] = [
        Taken(f"{asset.asset_no} as a code is taken; print another code for it", field="assets")
        for key, asset in keys.items()
        if having.get(key, asset.pk) != asset.pk
    ]
    if problems:
        raise Several(problems[:20])
    return [(asset, key) for key, asset in keys.items() if key not in having]


def _gs1_keys(assets: "Collection[Asset]", scheme: Scheme, prefix: str, asset_type: int) -> list[tuple[Asset, str]]:
    series, make = _series(scheme, prefix, asset_type)
    numbering = hold(series)
    having = set(Identifier.objects.active().filter(ours(prefix), asset__in=assets).values_list("asset_id", flat=True))
    lacking = [asset for asset in assets if asset.pk not in having]
    keys: list[str] = []
    last = int(numbering.last)
    try:
        while len(keys) < len(lacking):
            some = [make(last + 1 + n) for n in range(len(lacking) - len(keys))]
            last += len(some)
            used = set(Identifier.objects.filter(key__in=some).values_list("key", flat=True))
            keys += [key for key in some if key not in used]
    except epc.DoesNotFit as none_left:
        raise _none_left(len(lacking), none_left) from None
    Numbering.objects.filter(pk=numbering.pk).update(last=last)
    return list(zip(lacking, keys, strict=True))


def _none_left(wanted: int, why: epc.DoesNotFit) -> Invalid:
    return Invalid(f"assign: no number is left for {wanted} more: {why}", field="assign")


def _series(scheme: Scheme, prefix: str, asset_type: int) -> tuple[str, Callable[[int], str]]:
    """Return the name of the series and what makes a key of its n-th number. Raises Invalid."""
    if scheme is Scheme.GIAI:
        return f"giai:{prefix}", lambda number: company.giai(prefix, number)
    try:
        first = company.grai(prefix, asset_type, 1)
    except epc.DoesNotFit as wrong:
        raise Invalid(f"asset_type: {wrong}", field="asset_type") from None
    return f"grai:{first[6:18]}", lambda number: company.grai(prefix, asset_type, number)


def _store(by: Actor, keys: Sequence[tuple[Asset, str]]) -> list[Identifier]:
    made = [
        Identifier(
            asset=asset, key=key, raw=gs1.printed(key) if key[0].isdigit() else asset.asset_no, kind=Identifier.Kind.BARCODE
        )
        for asset, key in keys
    ]
    try:
        with transaction.atomic():
            Identifier.objects.bulk_create(made)
    except IntegrityError:
        raise Taken("assets: somebody gave one of them this code meanwhile; try again", field="assets") from None
    log.record_all(by, [log.Changed(one.asset, "code added", {}, {"code": one.key, "kind": one.kind}) for one in made])
    return made
