"""Writing what a dry run found: some rows a transaction, each row whole or not at all, and never over what changed meanwhile.

A transaction takes about a tenth of a second; between two of them others get their turn. A row that was written says so in the
same transaction, so the work goes on at any row after a stop.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import values
from registry.assets.columns import CUSTOM
from registry.assets.containers import put_all_into
from registry.assets.custom import own_value
from registry.assets.models import (
    Asset,
    AssetModel,
    AssetTag,
    Category,
    CostCenter,
    CustomValue,
    Identifier,
    Location,
    StatusLabel,
    Supplier,
)
from registry.assets.services import retired_until, take_asset_nos
from registry.assets.tags import tags_named
from registry.db import insert_new
from registry.importing import files
from registry.importing.lookups import Lookups, Missing, look_up
from registry.importing.making import made
from registry.importing.models import SHOWN_CHARS, ImportJob, ImportProblem, ImportRow, put
from registry.importing.options import Options, read_options
from registry.problems import Problem
from registry.tables.table import shown

Outcome, Result = ImportRow.Outcome, ImportRow.Result
LEAST: Final = 10
FIRST: Final = 50  # rows in the first transaction; then as many as fit into AIM_S
MOST: Final = 200
AIM_S: Final = 0.06
WRITTEN_AT_ONCE: Final = 1_000  # of all tables
MODELS: Final[dict[str, type[models.Model]]] = {
    "category": Category, "home_location": Location, "supplier": Supplier, "model": AssetModel, "cost_center": CostCenter,
    "label": StatusLabel,
}  # fmt: skip
_NOT_FIELDS: Final = frozenset(["identifiers", "tags", "parent"])


class Refused(Exception):
    """This row cannot be written as it was planned. `key` is the field at fault; empty: all of it."""

    def __init__(self, reason: str, key: str = "", value: str = "") -> None:
        super().__init__(reason)
        self.reason, self.key, self.value = reason, key, value


@dataclass(slots=True)
class Writing:
    """One row, on its way. `fields` are the asset's new values, references as rows of their tables by id."""

    row: ImportRow
    asset: Asset
    fields: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)


class Applying:
    """Writes one import, step by step. `by` is who confirmed it, with the rights they have now."""

    def __init__(self, job: ImportJob, by: Actor) -> None:
        self._job = job
        self._by = by.as_part_of(job.request_id, through="import")
        self._options: Options = read_options(job.options)
        self._lookups: Lookups | None = None
        self._size = FIRST
        self._titles = {key: job.header[at] for at, key in job.columns().items() if at < len(job.header)}

    def step(self) -> bool:
        """Write some rows; return whether all are done. Raises Stopped."""
        rows = list(
            ImportRow.objects.filter(job=self._job, outcome__in=(Outcome.FRESH, Outcome.CHANGED), result=Result.PENDING)
            .filter(number__gt=self._job.progress.get("at", 0))
            .order_by("number")[: self._size]
        )
        if not rows:
            self._finish()
            return True
        rows = _as_many_as_may_be(rows)
        try:
            self._write(rows)
        except (IntegrityError, Problem):
            self._lookups = None  # something that was there is not any more, or one row keeps the others from being written
            self._job.refresh_from_db()
            for row in rows:
                self._write_alone(row)
        return False

    def close(self) -> None:
        """Nothing is held open between steps."""

    def _write_alone(self, row: ImportRow) -> None:
        try:
            self._write([row])
        except (IntegrityError, Problem) as exc:
            self._lookups = None
            self._job.refresh_from_db()
            reason = exc.text if isinstance(exc, Problem) else "the database refused it: something has changed since the dry run"
            key = exc.field or "" if isinstance(exc, Problem) else ""
            with transaction.atomic():
                self._note([], [(row, Refused(reason.removeprefix(f"{key}: "), key))])

    @transaction.atomic
    def _write(self, rows: Sequence[ImportRow]) -> None:
        started = time.monotonic()  # from when we hold SQLite's lock: waiting for it says nothing about our own size
        if self._lookups is None:
            self._lookups = look_up(self._by)
        refused: list[tuple[ImportRow, Refused]] = []
        known = self._locked([row.asset for row in rows if row.outcome == Outcome.CHANGED and row.asset is not None])
        taken = self._taken(rows)
        gone = self._gone(rows)
        ready: list[Writing] = []
        for row in rows:
            try:
                ready.append(self._prepared(row, known, taken, gone))
            except Refused as exc:
                refused.append((row, exc))
            except Problem as exc:
                refused.append((row, Refused(exc.text.removeprefix(f"{exc.field}: "), exc.field or "")))
        self._insert([one for one in ready if one.row.outcome == Outcome.FRESH])
        self._update([one for one in ready if one.row.outcome == Outcome.CHANGED and one.fields])
        self._codes(ready)
        self._own_fields(ready)
        self._tags(ready)
        self._log(ready)
        self._contents(ready)
        self._note([one.row for one in ready], refused)
        spent = time.monotonic() - started
        self._size = max(LEAST, min(MOST, int(self._size * min(2.0, AIM_S / max(spent, 0.001)))))

    # ---- before anything is written -------------------------------------------------------------------------------------------

    def _locked(self, pks: list[UUID]) -> dict[UUID, Asset]:
        """The assets of the rows that the person may change, held until the transaction ends."""
        held = Asset.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
        found = {asset.pk: asset for asset in held}
        if not self._by.may_everywhere(Action.EDIT):
            allowed = set(
                Asset.objects.visible_to(self._by, Action.EDIT).filter(pk__in=pks).order_by().values_list("pk", flat=True)
            )
            found = {pk: asset for pk, asset in found.items() if pk in allowed}
        return found

    def _taken(self, rows: Sequence[ImportRow]) -> set[str]:
        """Numbers and codes of these rows that somebody has by now: `no ...` and `code ...`."""
        numbers = [row.values["asset_no"] for row in rows if row.outcome == Outcome.FRESH and "asset_no" in row.values]
        keys = [key for row in rows for key, *_ in row.values.get("identifiers", ())]
        found = {f"no {no}" for no in Asset.objects.filter(asset_no__in=numbers).order_by().values_list("asset_no", flat=True)}
        return found | {f"code {key}" for key in Identifier.objects.active().filter(key__in=keys).values_list("key", flat=True)}

    def _gone(self, rows: Sequence[ImportRow]) -> set[UUID]:
        """What the rows refer to and is not there any more."""
        wanted: dict[str, set[UUID]] = defaultdict(set)
        for row in rows:
            for name, value in row.values.items():
                if name in MODELS and isinstance(value, dict) and "id" in value:
                    wanted[name].add(UUID(value["id"]))
        gone: set[UUID] = set()
        for name, pks in wanted.items():
            there = MODELS[name]._default_manager.filter(pk__in=pks).order_by().values_list("pk", flat=True)
            gone |= pks - set(there)
        return gone

    def _prepared(self, row: ImportRow, known: Mapping[UUID, Asset], taken: set[str], gone: set[UUID]) -> Writing:
        """Raises Refused, Problem."""
        if row.outcome == Outcome.CHANGED:
            asset = known.get(row.asset) if row.asset is not None else None
            if asset is None:
                raise Refused("the asset is not there any more, or your role does not allow changing it")
            if asset.version != row.version:
                raise Refused(f"somebody changed {asset.asset_no} since the dry run; check the file again")
        else:
            asset = Asset(id=row.asset)
        if (no := row.values.get("asset_no")) is not None and f"no {no}" in taken:
            raise Refused("taken", "asset_no", no)
        for key, raw, _ in row.values.get("identifiers", ()):
            if f"code {key}" in taken:
                raise Refused("taken meanwhile", "identifiers", raw)
        one = Writing(row, asset)
        for name, value in row.values.items():
            if name in MODELS:
                one.fields[f"{name}_id"] = self._reference(name, value, gone)
            elif name not in _NOT_FIELDS and not name.startswith(CUSTOM):
                one.fields[name] = values.checked(name, value)
        one.before = {name: getattr(asset, name) for name in one.fields} if row.outcome == Outcome.CHANGED else {}
        return one

    def _reference(self, name: str, value: Any, gone: set[UUID]) -> UUID | None:
        """Raises Refused, Problem."""
        if value is None:
            return None
        if "id" in value:
            pk = UUID(value["id"])
            if pk in gone:
                raise Refused("it is not there any more", name)
            return pk
        assert self._lookups is not None
        return made(self._by, self._lookups, Missing(name, tuple(value["make"]))).id

    # ---- what is written ------------------------------------------------------------------------------------------------------

    def _insert(self, fresh: list[Writing]) -> None:
        numbers = iter(take_asset_nos(sum(1 for one in fresh if "asset_no" not in one.fields)))
        for one in fresh:
            one.fields.setdefault("asset_no", None)
            one.fields["asset_no"] = one.fields["asset_no"] or next(numbers)
            assert self._lookups is not None
            for name, value in self._lookups.defaults_of(one.fields.get("category_id")).items():
                one.fields.setdefault(name, values.checked(name, value))
            for name, value in one.fields.items():
                setattr(one.asset, name, value)
        Asset.objects.bulk_create([one.asset for one in fresh])

    def _update(self, changed: list[Writing]) -> None:
        if not changed:
            return
        names = sorted({name for one in changed for name in one.fields})
        now = timezone.now()
        for one in changed:
            for name, value in one.fields.items():
                setattr(one.asset, name, value)
            one.asset.version += 1
            one.asset.changed_at = now
        columns = [name.removesuffix("_id") for name in names]
        Asset.objects.bulk_update([one.asset for one in changed], [*columns, "version", "changed_at"])

    def _codes(self, ready: list[Writing]) -> None:
        new = [(one, key, raw, kind) for one in ready for key, raw, kind in one.row.values.get("identifiers", ())]
        since = retired_until([key for _, key, _, _ in new])
        Identifier.objects.bulk_create(
            [Identifier(asset=one.asset, key=key, raw=raw, kind=kind, valid_from=since.get(key)) for one, key, raw, kind in new]
        )

    def _own_fields(self, ready: list[Writing]) -> None:
        assert self._lookups is not None
        rows, emptied = [], []
        for one in ready:
            for name, text in one.row.values.items():
                if not name.startswith(CUSTOM):
                    continue
                own_field = self._lookups.custom[name.removeprefix(CUSTOM)]
                if not text:
                    emptied.append((one.asset.pk, own_field.pk))
                    continue
                value = own_value(own_field, text)
                assert value is not None  # the text is not empty
                rows.append(
                    CustomValue(
                        asset=one.asset, field=own_field, text=value.text, start=value.start, number=value.number, day=value.day
                    )
                )
        replaced = ["text", "start", "number", "day"]
        CustomValue.objects.bulk_create(rows, update_conflicts=True, unique_fields=["asset", "field"], update_fields=replaced)
        for asset, own_field_id in emptied:
            CustomValue.objects.filter(asset=asset, field=own_field_id).delete()

    def _tags(self, ready: list[Writing]) -> None:
        assert self._lookups is not None
        pairs = []
        for one in ready:
            for word in one.row.values.get("tags", ()):
                if word.lower() not in self._lookups.tags:
                    (tag,) = tags_named([word])
                    self._lookups.tags[word.lower()] = tag.pk
                pairs.append((one.asset.pk, self._lookups.tags[word.lower()]))
        insert_new(AssetTag, ("asset", "tag"), list(dict.fromkeys(pairs)))

    def _contents(self, ready: list[Writing]) -> None:
        """Raises Problem."""
        into = {one.asset.pk: UUID(one.row.values["parent"]) for one in ready if "parent" in one.row.values}
        containers = Asset.objects.in_bulk(list(into.values()))
        pairs = [(one.asset, containers[into[one.asset.pk]]) for one in ready if one.asset.pk in into]
        if pairs:
            put_all_into(by=self._by, pairs=pairs)

    def _log(self, ready: list[Writing]) -> None:
        log.record_all(self._by, (changed for one in ready for changed in _changes(one)))

    def _note(self, done: list[ImportRow], refused: list[tuple[ImportRow, Refused]]) -> None:
        """Say of each row what became of it, and how far the import is."""
        for rows, result in ((done, Result.WRITTEN), ([row for row, _ in refused], Result.REFUSED)):
            ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(result=result)
        problems = [
            (
                self._job.pk, row.number, shown(self._titles.get(exc.key, exc.key), SHOWN_CHARS),
                shown(exc.value, SHOWN_CHARS), exc.reason[:400], True,
            )
            for row, exc in refused
        ]  # fmt: skip
        insert_new(ImportProblem, ("job", "row", "column", "value", "reason", "late"), problems)
        last = max(row.number for row in [*done, *(row for row, _ in refused)])
        job = self._job
        put(job, written=job.written + len(done), refused=job.refused + len(refused), progress=job.progress | {"at": last})

    def _finish(self) -> None:
        put(self._job, state=ImportJob.State.DONE, finished_at=timezone.now(), progress={})
        files.remove(self._job.pk)


def _as_many_as_may_be(rows: list[ImportRow]) -> list[ImportRow]:
    """The first of these rows that one transaction may write; at least one."""
    written = 0
    for count, row in enumerate(rows):
        values_of_lists = sum(1 for name in row.values if name.startswith(CUSTOM)) + len(row.values.get("tags", ()))
        written += 3 + 2 * len(row.values.get("identifiers", ())) + values_of_lists + 4 * ("parent" in row.values)
        if written > WRITTEN_AT_ONCE and count:
            return rows[:count]
    return rows


def _changes(one: Writing) -> Iterator[log.Changed]:
    """What the log of changes keeps of one row."""
    row = one.row
    before = {name: _logged(name, value, row.before) for name, value in one.before.items()}
    after = {name: _logged(name, value, row.after) for name, value in one.fields.items()}
    for name, value in row.values.items():
        if name.startswith(CUSTOM):
            before[name], after[name] = row.before.get(name, ""), value
        elif name == "tags":
            after["tags"] = value
    if row.outcome == Outcome.FRESH:
        filled = {name: value for name, value in _by_field(after).items() if value not in (None, "")}
        yield log.Changed(one.asset, "created", {}, filled)
    elif after:
        yield log.Changed(one.asset, "changed", _by_field(before), _by_field(after))
    for key, _, kind in row.values.get("identifiers", ()):
        yield log.Changed(one.asset, "code added", {}, {"code": key, "kind": kind})


def _logged(name: str, value: Any, texts: Mapping[str, str]) -> Any:
    """A value as the log keeps it: what is referred to by id and name."""
    if not name.endswith("_id") or value is None:
        return value
    return {"id": str(value), "name": texts.get(name.removesuffix("_id"), "").removesuffix(" (new)")}


def _by_field(values_by_name: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removesuffix("_id"): value for name, value in values_by_name.items()}
