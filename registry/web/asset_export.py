"""The list of assets as a file: exactly what it shows, all pages of it, with its columns in its order, as CSV or XLSX."""

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils import timezone

from registry.assets import finding
from registry.assets.columns import Around, Column, around, cells_of
from registry.assets.models import AssetQuerySet
from registry.page import page
from registry.paging import Order
from registry.tables.writing import WRITERS, Cell
from registry.web.asset_list import listing_of

AT_ONCE: Final = 500


@page()
def export(request: HttpRequest, ending: str) -> StreamingHttpResponse:
    if ending not in WRITERS:
        raise Http404
    listing = listing_of(request)
    return download(listing.found(), listing.order, listing.columns, around(listing.by), ending)


def download(found: AssetQuerySet, order: Order, columns: Sequence[Column], beside: Around, ending: str) -> StreamingHttpResponse:
    """The file as it is sent, some hundred rows at a time."""
    name = f"assets-{timezone.now():%Y-%m-%d-%H%M}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    writer = WRITERS[ending]
    written = _written(found, order, columns, beside, ending)
    return StreamingHttpResponse(written, content_type=writer.content_type, headers=headers)


async def _written(
    found: AssetQuerySet, order: Order, columns: Sequence[Column], beside: Around, ending: str
) -> AsyncIterator[bytes]:
    """The head goes out before anything is asked. Then the keys are sorted once, sixteen bytes of each asset, and the rows read
    by them: what is changed meanwhile comes as it is then, and nothing comes twice or is left out."""
    writer = WRITERS[ending]()
    yield writer.rows([[column.key for column in columns]])
    keys = await sync_to_async(_keys)(found, order)
    for first in range(0, len(keys), AT_ONCE):
        yield writer.rows(await sync_to_async(_rows)(keys[first : first + AT_ONCE], columns, beside))
    yield writer.end()


def _keys(found: AssetQuerySet, order: Order) -> list[UUID]:
    sign = "-" if order.descending else ""
    return list(order.keyed(found).order_by(f"{sign}sort_key", f"{sign}pk").values_list("pk", flat=True))


def _rows(keys: Sequence[UUID], columns: Sequence[Column], beside: Around) -> list[list[Cell]]:
    return list(cells_of(finding.rows_of(keys, columns), columns, beside))
