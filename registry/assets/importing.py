"""Assets from a CSV file: every row is checked before one is written, and a second time changes nothing.

Columns, in any order: asset_no, name, kind, status, category, home_location, identifiers. A place is a code or names with `/`
between them (`Hamburg/Hall A`), a category likewise; several identifiers stand with `;` between them. A row finds its asset by
asset_no, else by one of its identifiers; an empty field leaves what the asset has.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from identity.resolve import Identity
from registry.access.actors import Actor
from registry.assets.models import KEY_CHARS, NAME_CHARS, Asset, Identifier
from registry.assets.paths import Missing, Paths
from registry.assets.services import identify, kind_of, retired_until, take_asset_nos
from registry.assets.values import ASSET_NO_CHARS, one_of
from registry.exits import CannotGoOn
from registry.problems import Problem
from registry.texts import for_log, line

COLUMNS: Final = ("asset_no", "name", "kind", "status", "category", "home_location", "identifiers")
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_ROWS = 100_000
MAX_ERRORS = 1_000  # told at once
ROWS_AT_ONCE = 900  # of tables in one transaction: assets, identifiers and a few places
MAX_IDENTIFIERS = 20  # of one row


@dataclass(frozen=True, slots=True)
class RowError:
    """`row` is the line a spreadsheet shows: the header is row 1."""

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {for_log(self.value, 60)!r}: {self.reason}"


@dataclass(slots=True)
class Done:
    """What an import did, or why it did nothing."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    identifiers: int = 0
    errors: list[RowError] = field(default_factory=list)

    def sentence(self) -> str:
        if self.errors:
            more = " or more" if len(self.errors) >= MAX_ERRORS else ""
            return f"Nothing was written: {len(self.errors)}{more} errors."
        what = f"{self.created} assets made, {self.changed} changed, {self.unchanged} as they were"
        return f"{what}; {self.identifiers} identifiers added."

    def as_json(self) -> dict[str, Any]:
        errors = [{"row": e.row, "column": e.column, "value": e.value, "reason": e.reason} for e in self.errors]
        return {
            "created": self.created, "changed": self.changed, "unchanged": self.unchanged, "identifiers": self.identifiers,
            "errors": errors,
        }  # fmt: skip


@dataclass(slots=True)
class Wanted:
    """A row, understood: the fields that it fills, and its codes by key with the text of each. `asset` is the one it means."""

    row: int
    asset_no: str = ""
    values: dict[str, str] = field(default_factory=dict)
    category: UUID | Missing | None = None
    home_location: UUID | Missing | None = None
    identifiers: dict[str, tuple[str, Identity]] = field(default_factory=dict)
    asset: Asset | None = None


def import_file(path: Path, *, by: Actor, create_places: bool = False) -> Done:
    """Read the file and write it, all or nothing (should the process die, a second time does the rest).

    Raises CannotGoOn, OSError."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CannotGoOn(f"{path}: larger than {MAX_FILE_BYTES // 1024 // 1024} MiB; split it.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            return import_rows(_rows(csv.DictReader(file, strict=True), path.name), by=by, create_places=create_places)
        except csv.Error as exc:
            raise CannotGoOn(f"{path.name}: not a CSV file: {exc}.") from None
        except UnicodeDecodeError as exc:
            raise CannotGoOn(f"{path.name}: byte {exc.start} is not UTF-8; save it as CSV UTF-8.") from None


def import_rows(rows: Iterable[tuple[int, Mapping[str, str]]], *, by: Actor, create_places: bool = False) -> Done:
    """Check (row number, fields) pairs, then write them. The fields are COLUMNS; a missing one counts as empty."""
    done = Done()
    paths = Paths(by=by, create=create_places)
    wanted = []
    for row, fields in rows:
        if len(done.errors) >= MAX_ERRORS:
            return done
        wanted.append(_understood(row, fields, paths, done.errors))
    _match(wanted, done.errors)
    if done.errors:
        return done
    for part in _parts(wanted):
        _write(part, paths, done)
        if done.errors:
            break
    return done


def _rows(reader: "csv.DictReader[str]", name: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    header = [(title or "").strip().lower() for title in reader.fieldnames or ()]
    if strange := [title for title in header if title not in COLUMNS]:
        raise CannotGoOn(f"{name}: unknown column {strange[0]!r}; the columns are {', '.join(COLUMNS)}.")
    if twice := [title for title in header if header.count(title) > 1]:
        raise CannotGoOn(f"{name}: column {twice[0]!r} stands twice.")
    if not {"asset_no", "name", "identifiers"} & set(header):
        raise CannotGoOn(f"{name}: the first line has to name the columns: {', '.join(COLUMNS)}.")
    reader.fieldnames = header
    for number, fields in enumerate(reader, start=2):
        if number > MAX_ROWS + 1:
            raise CannotGoOn(f"{name}: more than {MAX_ROWS} rows; split it.")
        if any(fields.get(column) for column in header) or None in fields:
            yield number, fields


def _understood(row: int, fields: Mapping[Any, Any], paths: Paths, errors: list[RowError]) -> Wanted:
    """Return what the row wants; each of its errors is noted."""
    wanted = Wanted(row)
    if None in fields:
        errors.append(RowError(row, "", ",".join(fields[None]), "more fields than columns; quote values that hold a comma"))
    for column in COLUMNS:
        text = (fields.get(column) or "").strip()
        parts = [part.strip() for part in text.split(";")] if column == "identifiers" else [text]
        if len(parts) > MAX_IDENTIFIERS:
            errors.append(RowError(row, column, text, f"more than {MAX_IDENTIFIERS} identifiers"))
        for part in filter(None, parts[:MAX_IDENTIFIERS]):
            try:
                _fill(wanted, column, part, paths)
            except Problem as exc:
                errors.append(RowError(row, column, part, exc.text.removeprefix(f"{exc.field}: ")))
    return wanted


def _fill(wanted: Wanted, column: str, text: str, paths: Paths) -> None:
    """Raises Invalid."""
    match column:
        case "asset_no":
            wanted.asset_no = line(text, field=column, most=ASSET_NO_CHARS)
        case "name":
            wanted.values[column] = line(text, field=column, most=NAME_CHARS)
        case "kind":
            wanted.values[column] = one_of(text.lower(), Asset.Kind.values, column)
        case "status":
            wanted.values[column] = one_of(text.lower(), Asset.Status.values, column)
        case "category":
            wanted.category = paths.category(text)
        case "home_location":
            wanted.home_location = paths.location(text)
        case "identifiers":
            found = identify(text)
            wanted.identifiers[found.key] = (line(text, field="identifier", most=KEY_CHARS), found)


def _match(wanted: list[Wanted], errors: list[RowError]) -> None:
    """Find the asset of each row, and what rows want of each other or of what exists."""
    by_no: dict[str, Asset] = {}
    for chunk in _chunks([w.asset_no for w in wanted if w.asset_no]):
        by_no |= {a.asset_no: a for a in Asset.objects.filter(asset_no__in=chunk)}
    owners: dict[str, Asset] = {}
    for chunk in _chunks([key for w in wanted for key in w.identifiers]):
        for identifier in Identifier.objects.active().filter(key__in=chunk).select_related("asset"):
            owners[identifier.key] = identifier.asset
    rows_of_no: dict[str, int] = {}
    rows_of_key: dict[str, int] = {}
    rows_of_asset: dict[UUID, int] = {}
    for one in wanted:
        known = {owners[key].pk: owners[key] for key in one.identifiers if key in owners}
        one.asset = by_no.get(one.asset_no) if one.asset_no else next(iter(known.values()), None)
        if one.asset_no and (first := rows_of_no.setdefault(one.asset_no, one.row)) != one.row:
            errors.append(RowError(one.row, "asset_no", one.asset_no, f"stands in row {first} already"))
        if one.asset is not None and not one.asset_no and (first := rows_of_asset.setdefault(one.asset.pk, one.row)) != one.row:
            errors.append(RowError(one.row, "identifiers", one.asset.asset_no, f"means the same asset as row {first}"))
        if one.asset is None and not one.values.get("name"):
            errors.append(RowError(one.row, "name", "", "a new asset needs a name"))
        for key, (code, _) in one.identifiers.items():
            if (first := rows_of_key.setdefault(key, one.row)) != one.row:
                errors.append(RowError(one.row, "identifiers", code, f"stands in row {first} already"))
            if key in owners and (one.asset is None or owners[key].pk != one.asset.pk):
                errors.append(RowError(one.row, "identifiers", code, f"asset {owners[key].asset_no} has it"))


@transaction.atomic
def _write(wanted: list[Wanted], paths: Paths, done: Done) -> None:
    """Write some rows. Where somebody was faster since they were checked the database says so, and they are not written."""
    now = timezone.now()
    numbers = iter(take_asset_nos(sum(1 for w in wanted if w.asset is None and not w.asset_no)))
    fresh: list[Asset] = []
    added: list[Identifier] = []
    changed = 0
    known = {w.asset.pk for w in wanted if w.asset is not None}
    there = set(Identifier.objects.active().filter(asset__in=known).values_list("asset", "key"))
    retired = retired_until([key for w in wanted for key in w.identifiers])
    for one in wanted:
        values: dict[str, Any] = dict(one.values)
        if one.category is not None:
            values["category_id"] = paths.made_category(one.category)
        if one.home_location is not None:
            values["home_location_id"] = paths.made_location(one.home_location)
        if one.asset is None:
            one.asset = Asset(asset_no=one.asset_no or next(numbers), **values)
            fresh.append(one.asset)
        elif differing := {name: value for name, value in values.items() if getattr(one.asset, name) != value}:
            Asset.objects.filter(pk=one.asset.pk).update(**differing, version=F("version") + 1, changed_at=now)
            changed += 1
        for key, (raw, found) in one.identifiers.items():
            if (one.asset.pk, key) not in there:
                added.append(Identifier(asset=one.asset, key=key, raw=raw, kind=kind_of(raw, found), valid_from=retired.get(key)))
    try:
        with transaction.atomic():
            Asset.objects.bulk_create(fresh)
            Identifier.objects.bulk_create(added)
    except IntegrityError:
        transaction.set_rollback(True)
        first, last = wanted[0].row, wanted[-1].row
        why = f"somebody entered the same numbers or codes meanwhile: nothing is written from row {first} on; start again"
        done.errors.append(RowError(first, "", f"rows {first} to {last}", why))
        return
    done.created += len(fresh)
    done.changed += changed
    done.unchanged += len(wanted) - len(fresh) - changed
    done.identifiers += len(added)


def _parts(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    part: list[Wanted] = []
    weight = 0
    for one in wanted:
        if part and weight + 1 + len(one.identifiers) > ROWS_AT_ONCE:
            yield part
            part, weight = [], 0
        part.append(one)
        weight += 1 + len(one.identifiers)
    if part:
        yield part


def _chunks(values: list[str]) -> Iterator[list[str]]:
    """Lists short enough for one query."""
    for start in range(0, len(values), 500):
        yield values[start : start + 500]
