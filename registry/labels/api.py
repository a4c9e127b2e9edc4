"""REST: labels as PDF or ZPL, for programs that print."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from registry.labels import services
from registry.labels.assigning import MOST_AT_ONCE
from registry.labels.choices import MOST_ASSET_TYPE, Choice, Output, Scheme
from registry.labels.marks import Carries, Symbol
from registry.labels.stocks import DEFAULT, MAX_OFFSET_MM, STOCKS, Offset
from registry.labels.zpl import CONTENT_TYPE, DPIS
from registry.operations import Strict, acting

router = Router()
_Offset = Annotated[float, Field(ge=-MAX_OFFSET_MM, le=MAX_OFFSET_MM, allow_inf_nan=False)]
_BINARY = {"schema": {"type": "string", "format": "binary"}}


class LabelStockOut(Schema):
    """`per_page`: labels of one sheet; 1 of rolls and tapes."""

    name: str
    title: str
    kind: str
    size: str
    per_page: int


class LabelStocksOut(Schema):
    items: list[LabelStockOut]


class LabelPrint(Strict):
    """Which labels, and how they are to be."""

    assets: list[UUID] = Field(min_length=1, max_length=MOST_AT_ONCE, description="In the order in which they are printed")
    format: Output = Field(Output.PDF, description="`pdf`, or `zpl` for label printers")
    stock: str = Field(DEFAULT, max_length=40, description=f"One of {', '.join(STOCKS)}")
    symbol: Symbol = Symbol.QR
    carries: Carries = Field(
        Carries.NUMBER,
        description="`link`: a GS1 Digital Link (QR and DataMatrix), `gs1`: element strings (DataMatrix and Code 128)",
    )
    assign: bool = Field(False, description="Give assets that lack the code one first: a GIAI or GRAI, or their number as a code")
    scheme: Scheme = Field(Scheme.GIAI, description="How GS1 keys are assigned, `giai` or `grai`")
    asset_type: int = Field(0, ge=0, le=MOST_ASSET_TYPE, description="The asset type of GRAIs")
    start: int = Field(1, ge=1, le=1000, description="The first label of a sheet that is still there, counted row by row")
    right_mm: _Offset = Field(0.0, description="How far everything moves, to align the printer")
    down_mm: _Offset = 0.0
    dpi: int = Field(203, description=f"Of a label printer: one of {', '.join(map(str, DPIS))}")
    tags: bool = Field(False, description="ZPL only: write the EPC of each asset's GIAI or GRAI into the tag of its label")
    company: bool = Field(True, description="Print the company's name")


@router.get(
    "/labels/stocks",
    response=LabelStocksOut,
    operation_id="list_label_stocks",
    tags=["labels"],
    summary="Sheets, rolls, tapes",
)
def list_label_stocks(request: HttpRequest) -> Any:
    acting(request)
    return {"items": list(STOCKS.values())}


@router.get(
    "/labels/frames",
    operation_id="print_label_frames",
    tags=["labels"],
    summary="The frames of the labels alone, to align a printer with",
    openapi_extra={"responses": {200: {"description": "A PDF", "content": {"application/pdf": _BINARY}}}},
)
def print_label_frames(
    request: HttpRequest,
    stock: Annotated[str, Query(max_length=40, description=f"One of {', '.join(STOCKS)}")] = DEFAULT,
    right_mm: _Offset = 0.0,
    down_mm: _Offset = 0.0,
) -> Any:
    acting(request)
    made = services.frames(Choice(stock=stock, offset=Offset(right_mm, down_mm)))
    return HttpResponse(made, content_type="application/pdf")


@router.post(
    "/labels",
    operation_id="print_labels",
    tags=["labels"],
    summary="Print labels",
    openapi_extra={
        "responses": {200: {"description": "The labels", "content": {"application/pdf": _BINARY, CONTENT_TYPE: _BINARY}}}
    },
)
def print_labels(request: HttpRequest, body: LabelPrint) -> Any:
    """Labels of up to 1,000 assets. Without `assign` nothing changes; with it the assets keep the codes they get."""
    choice = Choice(
        **body.model_dump(exclude={"assets", "format", "right_mm", "down_mm"}),
        output=body.format,
        offset=Offset(body.right_mm, body.down_mm),
    )
    made = services.print_labels(by=acting(request), asset_ids=body.assets, choice=choice)
    return HttpResponse(made, content_type="application/pdf" if body.format is Output.PDF else CONTENT_TYPE)
