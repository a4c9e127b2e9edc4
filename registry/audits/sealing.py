"""The seal of an audit: one SHA-256 over what it is, what it expected and what was found, in a form that stays.

A line of JSON each (keys sorted, no blanks, UTF-8): the audit, then the expected assets by their keys, then the findings: those
of assets by their keys, those of codes by the code. Whoever has the rows can work it out again."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from registry.audits.models import Campaign, Expected, Finding

AT_ONCE: Final = 2_000
_EXPECTED: Final = ("asset", "asset_no", "name", "location", "custodian", "status")
_FOUND: Final = (
    "asset", "asset_no", "name", "key", "outcome", "evidence_id", "seen_at", "seen_location", "resolution", "resolved_by",
    "resolved_at", "note",
)  # fmt: skip
_AUDIT: Final = ("id", "name", "method", "from_on", "until_on", "time_zone", "window_from", "window_to", "frozen_at")


def digest(campaign: Campaign) -> str:
    """As 64 hexadecimal digits."""
    sum_of = hashlib.sha256()
    for line in _lines(campaign):
        sum_of.update(line)
    return sum_of.hexdigest()


def _lines(campaign: Campaign) -> Iterator[bytes]:
    scope = sorted(str(item.location_id or item.category_id or item.person_id) for item in campaign.scope.all())
    yield _line("audit", {name: getattr(campaign, name) for name in _AUDIT} | {"scope": scope})
    expected = Expected.objects.filter(campaign=campaign).order_by("asset").values_list(*_EXPECTED)
    yield from _all("expected", _EXPECTED, expected.iterator(chunk_size=AT_ONCE))
    findings = Finding.objects.filter(campaign=campaign)
    of_assets = findings.filter(asset__isnull=False).order_by("asset").values_list(*_FOUND)
    yield from _all("finding", _FOUND, of_assets.iterator(chunk_size=AT_ONCE))
    of_codes = sorted(findings.filter(asset__isnull=True).order_by().values_list(*_FOUND), key=lambda row: str(row[3]))
    yield from _all("finding", _FOUND, of_codes)


def _all(kind: str, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    return (_line(kind, dict(zip(names, row, strict=True))) for row in rows)


def _line(kind: str, values: dict[str, Any]) -> bytes:
    plain = {name: _plain(value) for name, value in values.items()} | {"is": kind}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
    return value
