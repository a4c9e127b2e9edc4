"""The form of a print: every field has a default, so whatever is left out of an address or a remembered choice is no error."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import QueryDict

from registry.access.actors import Action, Actor
from registry.labels.choices import MOST_ASSET_TYPE, Choice, Output, Scheme
from registry.labels.marks import MEANINGFUL, Carries, Symbol
from registry.labels.stocks import A4, DEFAULT, MAX_OFFSET_MM, STOCKS, Offset, Stock
from registry.labels.zpl import DPIS
from registry.problems import Invalid

SAYS: Final = {Carries.LINK: "web link", Carries.GS1: "GS1 key", Carries.NUMBER: "asset number"}
REMEMBERED: Final = (
    "stock",
    "code",
    "company",
    "assign",
    "scheme",
    "asset_type",
    "right",
    "down",
    "dpi",
    "tags",
)  # fmt: skip - `start` is of one sheet only
MOST_START: Final = max(stock.per_page for stock in STOCKS.values())


def codes() -> list[tuple[str, str]]:
    """Symbol and content as one choice: what does not go together cannot be chosen."""
    return [
        (f"{symbol}-{carries}", f"{symbol.words} with the {SAYS[carries]}")
        for symbol in Symbol
        for carries in MEANINGFUL[symbol]
        if carries is not Carries.LINK or settings.CONFIGURATION.company.digital_link
    ]


def stocks() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for stock in STOCKS.values():
        groups.setdefault(_group(stock), []).append((stock.name, _said(stock)))
    return list(groups.items())


def _group(stock: Stock) -> str:
    if stock.kind == "sheet":
        return "Sheets, A4" if stock.page == A4 else "Sheets, US Letter"
    return "Rolls" if stock.kind == "roll" else "Tapes"


def _said(stock: Stock) -> str:
    each = f", {stock.per_page} a sheet" if stock.per_page > 1 else ""
    return f"{stock.title}: {stock.size}{each}" if stock.kind == "sheet" else f"{stock.title} ({stock.size})"


class LabelForm(forms.Form):
    """What is chosen for a print. `assets` are ids with commas between."""

    assets = forms.CharField(widget=forms.HiddenInput, max_length=200_000)
    stock = forms.ChoiceField(label="Labels")
    code = forms.ChoiceField(label="Code")
    company = forms.BooleanField(label="Our name on top", required=False)
    assign = forms.BooleanField(required=False)
    scheme = forms.ChoiceField(label="As", choices=[("giai", "GIAI"), ("grai", "GRAI")])
    asset_type = forms.IntegerField(label="Asset type", min_value=0, max_value=MOST_ASSET_TYPE, initial=0, required=False)
    start = forms.IntegerField(label="Begin at label", min_value=1, max_value=MOST_START, initial=1, required=False)
    right = forms.FloatField(label="Move right, mm", min_value=-MAX_OFFSET_MM, max_value=MAX_OFFSET_MM, initial=0, required=False)
    down = forms.FloatField(label="Move down, mm", min_value=-MAX_OFFSET_MM, max_value=MAX_OFFSET_MM, initial=0, required=False)
    dpi = forms.TypedChoiceField(label="Resolution", choices=[(dpi, f"{dpi} dpi") for dpi in DPIS], coerce=int)
    tags = forms.BooleanField(label="Write the RFID tag inside each label", required=False)

    def __init__(self, by: Actor, data: QueryDict | None = None, remembered: dict[str, Any] | None = None, **more: Any) -> None:
        own = settings.CONFIGURATION.company
        self.may_assign = by.may_anywhere(Action.HANDLE)
        self.has_prefix = own.gs1_prefix is not None
        link = self.may_assign and self.has_prefix and own.digital_link
        first: dict[str, Any] = {
            "stock": DEFAULT,
            "code": "qr-link" if link else "qr-number",
            "company": True,
            "assign": self.may_assign,
        }
        first |= {"scheme": "giai", "dpi": 203, "start": 1}
        super().__init__(data, initial=first | _known(remembered or {}) | more.pop("initial", {}), **more)
        self.fields["stock"].choices = stocks()  # type: ignore[attr-defined]
        self.fields["code"].choices = codes()  # type: ignore[attr-defined]
        if not own.name:
            del self.fields["company"]

    def choice_of(self, chosen: dict[str, Any], output: Output) -> Choice:
        """These values, cleaned or initial, as services take them."""
        symbol, _, carries = chosen["code"].partition("-")
        return Choice(
            stock=chosen["stock"],
            symbol=Symbol(symbol),
            carries=Carries(carries),
            output=output,
            assign=self.may_assign and bool(chosen.get("assign")),
            scheme=Scheme(chosen["scheme"]),
            asset_type=chosen.get("asset_type") or 0,
            start=chosen.get("start") or 1,
            offset=Offset(chosen.get("right") or 0.0, chosen.get("down") or 0.0),
            dpi=chosen["dpi"],
            tags=bool(chosen.get("tags")) and output is Output.ZPL,
            company=bool(chosen.get("company")),
        )


def ids_of(text: str) -> list[UUID]:
    """Ids with commas between. Raises Invalid."""
    try:
        return [UUID(one.strip()) for one in text.split(",") if one.strip()]
    except ValueError:
        raise Invalid("assets: these are no ids of assets; choose them in the list again", field="assets") from None


def _known(remembered: dict[str, Any]) -> dict[str, Any]:
    """What was remembered, as far as it is still offered."""
    kept: dict[str, Any] = {name: remembered[name] for name in REMEMBERED if name in remembered}
    if kept.get("stock") not in STOCKS:
        kept.pop("stock", None)
    if kept.get("code") not in dict(codes()):
        kept.pop("code", None)
    return kept
