"""Printing labels: from assets and what somebody chose to the finished PDF or ZPL.

The codes of assets are taken as they are; with `Choice.assign` those that lack one get it first. Nothing else is changed, and
what cannot be printed is refused before anything is given out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from identity import company, epc, keys
from identity.keys import Level
from registry.access.actors import Actor
from registry.assets.models import Asset, Identifier
from registry.labels import pdf, svg, zpl
from registry.labels.assigning import MOST_AT_ONCE, assign_keys, company_prefix, next_key, number_key
from registry.labels.choices import Choice, Output, Scheme
from registry.labels.fonts import PACKAGES, Fonts, fonts
from registry.labels.layout import OFFICE_DOT_MM, Drawing, Label, compose
from registry.labels.marks import draw, message
from registry.labels.stocks import stock
from registry.problems import Invalid, NotFound

CHUNK: Final = 500  # assets read at once
NAMED: Final = 5  # of many, in a sentence
_KINDS: Final = ("8004", "8003", "01+21")  # of GS1 keys, the preferred first
_PRINTABLE: Final = Q(key__startswith="8004:") | Q(key__startswith="8003:") | Q(key__startswith="01+21:")


class Row(NamedTuple):
    """One asset as it will be printed: its GS1 key, and whether its number is a code that readers know."""

    asset: Asset
    key: str | None
    number_known: bool


class Preview(NamedTuple):
    """The first label and, if it is one, the first sheet, as SVG; in sentences which codes will be given, and what to look at
    before printing."""

    svg: str
    sheet: str
    pages: int
    coming: list[str]
    notes: list[str]


def print_labels(*, by: Actor, asset_ids: Sequence[UUID], choice: Choice) -> bytes:
    """Return the labels of these assets, in this order, as PDF or ZPL.

    With `choice.assign` codes are given first, in transactions of 1,000 assets; the largest labels are tried before that. Raises
    Invalid, NotFound, Forbidden, Taken."""
    choice = choice.checked()
    rows = _rows(by, asset_ids)
    if choice.assign:
        for row in {rows[0], max(rows, key=lambda row: len(row.asset.asset_no)), max(rows, key=lambda row: len(row.key or ""))}:
            _composed(_as_if_assigned(row, choice), choice, _fonts())
        _assign(by, rows, choice)
        rows = _rows(by, asset_ids)
    _must_be_complete(rows, choice)
    labels = (_label(row, choice) for row in rows)
    if choice.output is Output.ZPL:
        return "".join(zpl.write(labels, stock(choice.stock), _fonts(), dpi=choice.dpi, offset=choice.offset)).encode("ascii")
    out = BytesIO()
    pdf.write(labels, stock(choice.stock), _fonts(), out, start=choice.start, offset=choice.offset)
    return out.getvalue()


def frames(choice: Choice) -> bytes:
    """Return a PDF with the frames of the labels alone, to align a printer with. Raises Invalid."""
    out = BytesIO()
    pdf.write_frames(stock(choice.stock), _fonts(), out, offset=choice.checked().offset)
    return out.getvalue()


def preview(*, by: Actor, asset_ids: Sequence[UUID], choice: Choice) -> Preview:
    """Show the first label; one that still lacks its code is shown with the one it would get. Raises Invalid, NotFound."""
    choice = choice.checked()
    rows = _rows(by, asset_ids)
    if not choice.assign:
        _must_be_complete(rows, choice)
    drawing = _composed(_as_if_assigned(rows[0], choice), choice, _fonts())
    on = stock(choice.stock)
    sheet = svg.sheet(on, start=choice.start, count=len(rows)) if on.per_page > 1 else ""
    pages = -(-(choice.start - 1 + len(rows)) // on.per_page)
    coming = [*_codes_to_come(rows, choice)]
    notes = [*_unknown_numbers(rows, choice), *_lost_letters(rows), *_long_tags(rows, choice)]
    return Preview(svg.preview(drawing, title=f"The label of {rows[0].asset}"), sheet, pages, coming, notes)


# ---- the assets ----------------------------------------------------------------------------------------------------------------


def _rows(by: Actor, asset_ids: Sequence[UUID]) -> list[Row]:
    """Raises NotFound if one of them is out of sight, Invalid for none or too many."""
    wanted = list(dict.fromkeys(asset_ids))
    if not wanted:
        raise Invalid("assets: choose at least one asset", field="assets")
    if len(wanted) > pdf.MOST_LABELS:
        raise Invalid(f"assets: one print has {pdf.MOST_LABELS:,} labels at most; choose fewer", field="assets")
    prefix = settings.CONFIGURATION.company.gs1_prefix
    rows: list[Row] = []
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        assets = {asset.pk: asset for asset in Asset.objects.visible_to(by).only("asset_no", "name").filter(pk__in=some)}
        if len(assets) < len(some):
            raise NotFound("there is no such asset")
        codes: dict[UUID, list[str]] = {}
        numbers = {_number_key_or_none(asset.asset_no): asset.pk for asset in assets.values()}
        found = Identifier.objects.active().filter(_PRINTABLE | Q(key__in=[*filter(None, numbers)]), asset__in=some)
        for asset_id, key in found.order_by("id").values_list("asset_id", "key"):
            codes.setdefault(asset_id, []).append(key)
        known = {owner for key, owner in numbers.items() if key in codes.get(owner, ())}
        rows += [Row(assets[pk], best_key(codes.get(pk, []), prefix), pk in known) for pk in some]
    return rows


def best_key(codes: Sequence[str], prefix: str | None) -> str | None:
    """The GS1 key to print of an asset with these codes: of our own prefix first, then by kind, then the oldest."""
    fit = [code for code in codes if code.partition(":")[0] in _KINDS and keys.level(code) is Level.ASSET]
    ours = {code for code in fit if prefix and company.prefix_of(code, [prefix])}
    return min(fit, key=lambda code: (code not in ours, _KINDS.index(code.partition(":")[0])), default=None)


def _number_key_or_none(asset_no: str) -> str | None:
    try:
        return number_key(asset_no)
    except Invalid:
        return None


def _assign(by: Actor, rows: Sequence[Row], choice: Choice) -> None:
    for scheme in choice.needs:
        lacking = [row.asset.pk for row in rows if not (row.number_known if scheme is Scheme.NUMBER else _has(row, choice))]
        for start in range(0, len(lacking), MOST_AT_ONCE):
            some = lacking[start : start + MOST_AT_ONCE]
            assign_keys(by=by, asset_ids=some, scheme=scheme, asset_type=choice.asset_type)


def _has(row: Row, choice: Choice) -> bool:
    """Has it the GS1 key that this print needs? A tag needs one of ours."""
    if row.key is None or not choice.tags:
        return row.key is not None
    prefix = settings.CONFIGURATION.company.gs1_prefix
    return prefix is not None and company.prefix_of(row.key, [prefix]) is not None


def _must_be_complete(rows: Sequence[Row], choice: Choice) -> None:
    if not choice.needs_gs1_key:
        return
    lacking = [row.asset.asset_no for row in rows if not _has(row, choice)]
    if lacking:
        what = "no GS1 key of your prefix, which a tag needs" if choice.tags else "no GS1 key"
        way = "Let them get one" + ("" if choice.tags else ", or print the asset's number")
        raise Invalid(f"assign: {_named(lacking)} {'has' if len(lacking) == 1 else 'have'} {what}. {way}", field="assign")


# ---- the labels ----------------------------------------------------------------------------------------------------------------


def _as_if_assigned(row: Row, choice: Choice) -> Row:
    """With the next key of its series where it lacks one, to see how large the label gets. Raises Invalid without a prefix."""
    if not choice.needs_gs1_key or _has(row, choice):
        return row
    return row._replace(key=next_key(choice.scheme, choice.asset_type))


def _label(row: Row, choice: Choice) -> Label:
    own = settings.CONFIGURATION.company
    what = message(choice.carries, key=row.key, number=row.asset.asset_no, domain=own.digital_link)
    name = own.name if choice.company else ""
    return Label(row.asset.name, row.asset.asset_no, draw(choice.symbol, what), name, _epc_hex(row, choice))


def _epc_hex(row: Row, choice: Choice) -> str | None:
    return epc.encode(_epc(row)).hex().upper() if choice.tags else None


def _epc(row: Row) -> epc.Epc:
    try:
        return company.to_write(row.key or "", [company_prefix()])
    except (epc.DoesNotFit, keys.BadKey) as wrong:
        raise Invalid(f"tags: {row.asset.asset_no}: {wrong}", field="tags") from None


def _composed(row: Row, choice: Choice, faces: Fonts) -> Drawing:
    on_dots = choice.output is Output.ZPL
    dot_mm = 1 / zpl.DPIS[choice.dpi] if on_dots else OFFICE_DOT_MM
    label = replace(_label(row, replace(choice, tags=False)), epc=None)
    return compose(label, stock(choice.stock), faces, dot_mm=dot_mm, most_dots=zpl.MOST_DOTS if on_dots else 1000)


def _fonts() -> Fonts:
    return fonts(tuple(settings.CONFIGURATION.labels.fonts))


# ---- what to know before -------------------------------------------------------------------------------------------------------


def _codes_to_come(rows: Sequence[Row], choice: Choice) -> Iterator[str]:
    for scheme in choice.needs:
        if scheme is Scheme.NUMBER:
            if choice.assign and (lacking := sum(not row.number_known for row in rows)):
                yield f"Readers will know {_assets(lacking)} by the number from then on."
        elif lacking := sum(not _has(row, choice) for row in rows):
            others = f"{lacking:,} of {len(rows):,} assets" if lacking < len(rows) else _assets(lacking)
            yield f"{others} will get a {scheme.upper()}{', the first the one shown' if not _has(rows[0], choice) else ''}."


def _unknown_numbers(rows: Sequence[Row], choice: Choice) -> Iterator[str]:
    lacking = sum(not row.number_known for row in rows)
    if lacking and Scheme.NUMBER in choice.needs and not choice.assign:
        yield f"Readers do not know {_assets(lacking)} by the number yet: it is not among the asset's codes."


def _lost_letters(rows: Sequence[Row]) -> Iterator[str]:
    faces = _fonts()
    lost = {row.asset.asset_no: faces.missing(row.asset.name) for row in rows}
    names = [asset_no for asset_no, characters in lost.items() if characters]
    if names:
        characters = " ".join(islice(sorted(set().union(*lost.values())), 20))
        yield (
            f"No font here has {characters}, in the name of {_named(names)}: printed as ?. "
            f"Install one ({PACKAGES}), or name one in registry.toml, [labels]."
        )


def _long_tags(rows: Sequence[Row], choice: Choice) -> Iterator[str]:
    if choice.tags:
        long = [row.asset.asset_no for row in rows if _has(row, choice) and _epc(row).scheme.bits > 96]
        if long:
            yield f"What the tag of {_named(long)} has to hold does not fit 96 bits: it needs a chip with 208 bits of EPC memory."


def _named(numbers: Sequence[str]) -> str:
    """`A-1, A-2 and 3 more`."""
    some = ", ".join(numbers[:NAMED])
    return some if len(numbers) <= NAMED else f"{some} and {len(numbers) - NAMED} more"


def _assets(number: int) -> str:
    return "1 asset" if number == 1 else f"{number:,} assets"
