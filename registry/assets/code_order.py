"""A list of assets in the order of their first codes, read along the codes: the next few hundred of them hold a page of assets.

Otherwise the first code of each of a hundred thousand assets is looked up for the sake of fifty.
"""

from typing import Final

from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower

from registry.assets.models import Asset, AssetQuerySet, Identifier
from registry.paging import Order, Page, cut, standing

WALKED: Final = 600  # codes for a page of 50 and more, of assets with several each


def page(found: AssetQuerySet, order: Order, cursor: str | None, size: int) -> Page[Asset] | None:
    """The page of `found` in the order of `identifiers`; None if the next codes do not hold all of it. Raises BadCursor."""
    backward, mark = standing(cursor, order, Asset)
    descending = order.descending != backward
    codes = Identifier.objects.active().annotate(code=Lower("key"))
    if mark is not None and mark[0]:
        codes = codes.filter(code__lte=mark[0]) if descending else codes.filter(code__gte=mark[0])
    sign = "-" if descending else ""
    walked = list(codes.order_by(f"{sign}code", f"{sign}asset").values_list("code", "asset")[:WALKED])
    whole = len(walked) < WALKED
    wanted = {asset for _, asset in walked}
    if found.query.where and not whole and found.filter(pk__in=wanted).count() <= size:
        return None  # too few of these codes are of `found`
    if whole if descending else mark is None or not mark[0]:  # those without a code come before all others
        bare = found.filter(~Exists(Identifier.objects.active().filter(asset=OuterRef("pk"))))
        if mark is not None and not mark[0]:
            bare = bare.filter(pk__lt=mark[1]) if descending else bare.filter(pk__gt=mark[1])
        wanted |= set(bare.order_by(f"{sign}pk").values_list("pk", flat=True)[: size + 1])
    some = cut(found.filter(pk__in=wanted).only("pk"), order, cursor, size)
    if whole:
        return some
    # The page is right as far as its codes were walked. Of the last one walked others may follow; none stands before all codes.
    past = {"", *(code for code, _ in walked)} - {walked[-1][0]}
    further, last = (some.previous, 0) if backward else (some.next, -1)
    return some if further is not None and _key_of(some.rows[last]) in past else None


def _key_of(row: Asset) -> str:
    return str(row.sort_key)  # type: ignore[attr-defined]  # annotated in cut()
