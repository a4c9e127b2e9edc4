"""The dry run of some rows: which asset each one means, what would change from what to what, and everything that is wrong.

Reads only. What changes nothing is never judged: a cell that says what an export of the asset says is right as it stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from identity.resolve import Identity
from registry.access.actors import Action, Actor
from registry.access.changes import plain as as_json
from registry.assets import values
from registry.assets.columns import Column, Kind, loaded
from registry.assets.models import Asset, Identifier
from registry.assets.services import identify, kind_of
from registry.assets.values import ASSET_NO_CHARS
from registry.importing.codes import split_codes, split_words
from registry.importing.facts import MAX_CODES, Facts
from registry.importing.lookups import Lookups, Missing, Named
from registry.importing.meaning import Meaning, NotThere
from registry.importing.models import ImportRow
from registry.importing.options import Options
from registry.problems import Invalid, Problem
from registry.tables.damage import error_value
from registry.tables.table import WHOLE_ROW, Row, shown
from registry.tables.writing import text_of
from registry.texts import line

Outcome = ImportRow.Outcome
MAX_PROBLEMS: Final = 20  # told of one row
MAX_TAGS: Final = 50
SHOWN_CHARS: Final = 500  # of a value in a diff
NEVER_CLEARED: Final = frozenset(["asset_no", "identifiers", "tags", "parent"])
REFERENCES: Final = frozenset(["label", "category", "model", "home_location", "cost_center", "supplier"])
ALONG: Final = ("label", "category", "home_location", "position__location")  # what rules between fields and rights ask for


@dataclass(slots=True)
class Wrong:
    """`column` counts from 0, WHOLE_ROW for all of it."""

    column: int
    value: str
    reason: str


@dataclass(slots=True)
class Plan:
    """What one row would do. `values` is JSON: what applying.py writes."""

    number: int
    outcome: str = Outcome.UNCHANGED
    asset: Asset | None = None
    name: str = ""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


@dataclass(slots=True)
class _Codes:
    """A code of a row, understood."""

    at: int
    text: str
    found: Identity


class Planner:
    """Plans the rows of one file for one person. `columns`: those of the file that are imported, from 0."""

    def __init__(self, *, by: Actor, columns: Mapping[int, Column], facts: Facts, options: Options, lookups: Lookups) -> None:
        self._by, self._columns, self._options, self._lookups = by, dict(columns), options, lookups
        self._meaning = Meaning(facts, options, lookups, makes=by.may_everywhere(Action.EDIT))
        self._at = {column.key: at for at, column in columns.items()}
        self._kinds = {at: column.kind for at, column in columns.items()}
        self._parents: dict[str, Asset] = {}

    def plan(self, rows: Sequence[Row]) -> list[Plan]:
        """One plan a row, in the same order. A handful of queries, however many rows."""
        read = [(row, Plan(row.number), *self._keys(row)) for row in rows]
        owners = self._owners([code.found.key for _, _, _, codes in read for code in codes])
        assets = self._assets([no for _, _, no, _ in read if no], {pk for pk, seen in owners.values() if seen})
        foreign = self._numbers_of_others([no for _, _, no, _ in read if no], assets)
        wider = self._with_zeros([no for _, _, no, _ in read if no], assets)
        editable = self._editable([asset.pk for asset in assets.values()])
        self._parents = self._find_parents(rows)
        by_id = {asset.pk: asset for asset in assets.values()}
        plans = []
        for row, plan, no, codes in read:
            self._problems_of_the_file(row, plan)
            plan.asset = self._match(plan, no, codes, assets, by_id, owners)
            plan.name = shown(str(plan.asset) if plan.asset else f"{no} {self._text(row, 'name')}".strip(), 300)
            if plan.asset is not None and plan.asset.pk not in editable:
                plan.wrong.append(Wrong(WHOLE_ROW, plan.asset.asset_no, "your role does not allow changing this asset"))
            if plan.asset is None and no in foreign:
                plan.wrong.append(Wrong(self._at["asset_no"], no, "taken"))
            if plan.asset is None and no in wider:
                reason = f"zeros in front are missing: there is an asset {wider[no]}"
                plan.wrong.append(Wrong(self._at["asset_no"], no, reason))
            self._compare(row, plan, codes, owners)
            _conclude(plan, self._options)
            plans.append(plan)
        return plans

    # ---- which asset ---------------------------------------------------------------------------------------------------------

    def _keys(self, row: Row) -> tuple[str, list[_Codes]]:
        """The number and the codes of a row; what is no code is found again when cells are compared."""
        try:
            no = line(self._text(row, "asset_no"), field="asset_no", most=ASSET_NO_CHARS, required=False)
        except Invalid:
            no = ""
        codes: list[_Codes] = []
        for at, kind in self._kinds.items():
            if kind is Kind.CODES:
                for text in split_codes(row.cells[at])[:MAX_CODES]:
                    try:
                        codes.append(_Codes(at, text, identify(text)))
                    except Invalid:
                        continue
        return no, codes

    def _text(self, row: Row, key: str) -> str:
        at = self._at.get(key)
        return row.cells[at] if at is not None else ""

    def _owners(self, keys: list[str]) -> dict[str, tuple[UUID, bool]]:
        """Who has these codes now, and whether the person may see that."""
        found: dict[str, UUID] = {}
        for some in _chunks(keys):
            found |= dict(Identifier.objects.active().filter(key__in=some).values_list("key", "asset"))
        seen: set[UUID] = set()
        for pks in _chunks(list(set(found.values()))):
            seen |= set(Asset.objects.visible_to(self._by).filter(pk__in=pks).order_by().values_list("pk", flat=True))
        return {key: (pk, pk in seen) for key, pk in found.items()}

    def _assets(self, numbers: list[str], pks: set[UUID]) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        along = loaded(Asset.objects.visible_to(self._by).select_related(*ALONG), self._columns.values()).distinct()
        for some in _chunks(numbers):
            found |= {asset.asset_no: asset for asset in along.filter(asset_no__in=some)}
        rest = pks - {asset.pk for asset in found.values()}
        for others in _chunks(list(rest)):
            found |= {asset.asset_no: asset for asset in along.filter(pk__in=others)}
        return found

    def _numbers_of_others(self, numbers: list[str], assets: Mapping[str, Asset]) -> set[str]:
        """Numbers that exist where the person may not look; to them they are just taken."""
        found: set[str] = set()
        for some in _chunks([no for no in numbers if no not in assets]):
            found |= set(Asset.objects.filter(asset_no__in=some).order_by().values_list("asset_no", flat=True))
        return found

    def _with_zeros(self, numbers: list[str], assets: Mapping[str, Asset]) -> dict[str, str]:
        """Numbers of digits that no asset has, but one has with zeros in front."""
        if not self._lookups.zero_lengths or "asset_no" in self._options.trust:
            return {}
        bare = [no for no in numbers if no not in assets and no.isascii() and no.isdecimal()]
        wider = {no.zfill(length): no for no in bare for length in self._lookups.zero_lengths if length > len(no)}
        found: dict[str, str] = {}
        for some in _chunks(list(wider)):
            hits = Asset.objects.visible_to(self._by).filter(asset_no__in=some).order_by().values_list("asset_no", flat=True)
            found |= {wider[no]: no for no in hits}
        return found

    def _editable(self, pks: list[UUID]) -> set[UUID]:
        if self._by.may_everywhere(Action.EDIT):
            return set(pks)
        found: set[UUID] = set()
        for some in _chunks(pks):
            allowed = Asset.objects.visible_to(self._by, Action.EDIT).filter(pk__in=some)
            found |= set(allowed.order_by().values_list("pk", flat=True))
        return found

    def _find_parents(self, rows: Sequence[Row]) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        for some in _chunks([no.strip() for row in rows if (no := self._text(row, "parent"))]):
            found |= {asset.asset_no: asset for asset in Asset.objects.visible_to(self._by).filter(asset_no__in=some)}
        return found

    def _match(
        self,
        plan: Plan,
        no: str,
        codes: list[_Codes],
        assets: Mapping[str, Asset],
        by_id: Mapping[UUID, Asset],
        owners: Mapping[str, tuple[UUID, bool]],
    ) -> Asset | None:
        """The asset with the number; without one that whose codes these are."""
        if no:
            return assets.get(no)
        known = {owners[code.found.key][0] for code in codes if code.found.key in owners}
        if not known and not codes and not self._options.number:
            reason = "neither number nor code: importing the file again would register it again; say that new numbers are given"
            plan.wrong.append(Wrong(WHOLE_ROW, "", reason))
        return next((by_id[pk] for pk in known if pk in by_id), None)

    # ---- what changes ---------------------------------------------------------------------------------------------------------

    def _problems_of_the_file(self, row: Row, plan: Plan) -> None:
        for problem in row.problems:
            if problem.column == WHOLE_ROW or problem.column in self._columns:
                plan.wrong.append(Wrong(problem.column, problem.value, problem.reason))

    def _compare(self, row: Row, plan: Plan, codes: list[_Codes], owners: Mapping[str, tuple[UUID, bool]]) -> None:
        chosen: dict[str, Any] = {}
        for at, column in self._columns.items():
            text = row.cells[at]
            now = text_of(column.show(plan.asset, self._lookups.around)) if plan.asset is not None else ""
            if text == now or (not text.strip() and not (now and self._options.clear and column.key not in NEVER_CLEARED)):
                continue
            try:
                self._cell(row, plan, at, column, now, chosen, codes, owners)
            except NotThere as exc:
                plan.missing.append(exc.missing)
                plan.wrong.append(Wrong(at, shown(text), exc.text))
            except Problem as exc:
                plan.wrong.append(Wrong(at, shown(text), exc.text.removeprefix(f"{exc.field}: ")))
        if plan.asset is None and "name" not in chosen and not any(self._at.get("name") == wrong.column for wrong in plan.wrong):
            plan.wrong.append(Wrong(self._at.get("name", WHOLE_ROW), "", "a new asset needs a name"))
        if not plan.wrong and (chosen or plan.asset is None):
            self._rules(plan, chosen)

    def _cell(
        self,
        row: Row,
        plan: Plan,
        at: int,
        column: Column,
        now: str,
        chosen: dict[str, Any],
        codes: list[_Codes],
        owners: Mapping[str, tuple[UUID, bool]],
    ) -> None:
        """Note what one cell changes. Raises Invalid."""
        text = row.cells[at]
        match column.kind:
            case Kind.CODES:
                self._new_codes(row, plan, at, [code for code in codes if code.at == at], owners)
            case Kind.TAGS:
                self._new_tags(plan, text, now)
            case Kind.CUSTOM:
                self._own_field(row, plan, at, column, now)
            case _ if column.key == "parent":
                self._parent(plan, text.strip(), now)
            case _:
                value = self._meaning.read(column, at, row) if text.strip() else _cleared(column.key)
                if plan.asset is None or not _same(plan.asset, column.key, value):
                    chosen[column.key] = value
                    plan.values[column.key] = _stored(value)
                    _differ(plan, column.key, now, _for_people(value))
                    if isinstance(value, Missing):
                        plan.missing.append(value)

    def _new_codes(self, row: Row, plan: Plan, at: int, codes: list[_Codes], owners: Mapping[str, tuple[UUID, bool]]) -> None:
        texts = split_codes(row.cells[at])
        if len(texts) > MAX_CODES:
            raise Invalid(f"{len(texts)} codes; {MAX_CODES} at most in one cell")
        understood = {code.text for code in codes}
        for text in texts:
            if text not in understood:
                identify(text)
        own = {code.key for code in plan.asset.identifiers.all() if code.state == "active"} if plan.asset is not None else set()
        added: list[list[str]] = []
        for code in codes:
            key = code.found.key
            if key in own:
                continue
            if (reason := error_value(code.text)) is not None:
                raise Invalid(reason)
            if "identifiers" not in self._options.trust:
                self._meaning.must_be_whole(code.text, at, row.kind(at))
            if key in owners:
                raise Invalid(self._owner_in_words(*owners[key]))
            added.append([key, line(code.text, field="identifiers", most=512), str(kind_of(code.text, code.found))])
        if added:
            plan.values["identifiers"] = [*plan.values.get("identifiers", []), *added]
            _differ(
                plan,
                "identifiers",
                "",
                "; ".join([*filter(None, [plan.after.get("identifiers")]), *(f"+ {k}" for k, *_ in added)]),
            )

    def _owner_in_words(self, pk: UUID, seen: bool) -> str:
        if not seen:
            return "taken"
        return f"asset {Asset.objects.values_list('asset_no', flat=True).get(pk=pk)} has it"

    def _new_tags(self, plan: Plan, text: str, now: str) -> None:
        own = {word.lower() for word in split_words(now)}
        added = []
        for word in split_words(text)[: MAX_TAGS + 1]:
            if word.lower() not in own:
                own.add(word.lower())
                added.append(line(word, field="tags", most=60))
        if len(own) > MAX_TAGS:
            raise Invalid(f"{MAX_TAGS} tags at most")
        if added:
            plan.values["tags"] = added
            _differ(plan, "tags", now, "; ".join(f"+ {word}" for word in added))

    def _own_field(self, row: Row, plan: Plan, at: int, column: Column, now: str) -> None:
        value = self._meaning.read(column, at, row) if row.cells[at].strip() else ""
        if value != now:
            plan.values[column.key] = value
            _differ(plan, column.key, now, value)

    def _parent(self, plan: Plan, text: str, now: str) -> None:
        parent = self._parents.get(text)
        if parent is None:
            raise Invalid("there is no asset of this number")
        if plan.asset is not None and parent.pk == plan.asset.pk:
            raise Invalid("an asset cannot lie in itself")
        plan.values["parent"] = str(parent.pk)
        _differ(plan, "parent", now, str(parent.asset_no))

    def _rules(self, plan: Plan, chosen: dict[str, Any]) -> None:
        """What fields say of each other, and whether the person may have an asset where this one would be."""
        now = _Values(plan.asset, self._with_defaults(plan, chosen), self._lookups)
        if "status" in chosen and "label" not in chosen and now["label"] is not None and now["label"].status != chosen["status"]:
            chosen["label"] = None
            plan.values["label"] = None
            _differ(plan, "label", str(now["label"]), "")
        try:
            values.agree(_Values(plan.asset, now.chosen | chosen, self._lookups))
        except Problem as exc:
            plan.wrong.append(Wrong(self._at.get(exc.field or "", WHOLE_ROW), "", exc.text.removeprefix(f"{exc.field}: ")))
        if (plan.asset is None or {"home_location", "category"} & chosen.keys()) and not self._may_be_there(plan, chosen):
            at = self._at.get("home_location", WHOLE_ROW)
            plan.wrong.append(Wrong(at, "", "your role does not allow this for that home and category"))

    def _with_defaults(self, plan: Plan, chosen: dict[str, Any]) -> dict[str, Any]:
        category = chosen.get("category")
        if plan.asset is not None or not isinstance(category, Named):
            return chosen
        given = self._lookups.defaults_of(category.id)
        return {name: values.checked(name, value) for name, value in given.items()} | chosen

    def _may_be_there(self, plan: Plan, chosen: dict[str, Any]) -> bool:
        if self._by.may_everywhere(Action.EDIT):
            return True
        asset = plan.asset
        home = _path(chosen.get("home_location", asset.home_location if asset else None))
        category = _path(chosen.get("category", asset.category if asset else None))
        position: Any = getattr(asset, "position", None)
        here = position.location.path if position is not None and position.location is not None else None
        return self._by.may(Action.EDIT, location_paths=[home, here], category_path=category)


class _Values(Mapping[str, Any]):
    """The fields of an asset with those of the row over them, read only where a rule asks."""

    def __init__(self, asset: Asset | None, chosen: Mapping[str, Any], lookups: Lookups) -> None:
        self.chosen, self._lookups = dict(chosen), lookups
        self._asset = asset if asset is not None else Asset()

    def __getitem__(self, name: str) -> Any:
        if name not in self.chosen:
            return getattr(self._asset, name)
        value = self.chosen[name]
        return self._lookups.labels[value.id] if name == "label" and isinstance(value, Named) else value

    def __iter__(self) -> Iterator[str]:
        return iter(values.CHECKS)

    def __len__(self) -> int:
        return len(values.CHECKS)


def _conclude(plan: Plan, options: Options) -> None:
    if plan.wrong:
        plan.outcome = Outcome.WRONG
        plan.before, plan.after, plan.values = {}, {}, {}
        plan.missing = [one for one in plan.missing if one.field not in options.make]  # of such a row nothing is made
        if len(plan.wrong) > MAX_PROBLEMS:
            more = len(plan.wrong) - MAX_PROBLEMS + 1
            plan.wrong[MAX_PROBLEMS - 1 :] = [Wrong(WHOLE_ROW, "", f"{more} more errors in this row")]
    elif plan.asset is None:
        plan.outcome = Outcome.FRESH
    elif plan.values:
        plan.outcome = Outcome.CHANGED


def _same(asset: Asset, key: str, value: Any) -> bool:
    if isinstance(value, Named):
        return bool(getattr(asset, f"{key}_id") == value.id)
    return not isinstance(value, Missing) and bool(getattr(asset, key) == value)


def _cleared(key: str) -> Any:
    """What a field is without a value. Raises Invalid."""
    if key in REFERENCES:
        return None
    return values.checked(key, "")


def _stored(value: Any) -> Any:
    if isinstance(value, Named):
        return {"id": str(value.id)}
    if isinstance(value, Missing):
        return {"make": list(value.names)}
    return as_json(value)


def _for_people(value: Any) -> str:
    match value:
        case Named():
            return value.name
        case Missing():
            return f"{value.text} (new)"
        case None:
            return ""
    return str(as_json(value))


def _differ(plan: Plan, key: str, before: str, after: str) -> None:
    plan.before[key], plan.after[key] = shown_block(before), shown_block(after)


def shown_block(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"


def _path(one: Any) -> str | None:
    return getattr(one, "path", None)


def _chunks(some: list[Any]) -> Iterator[list[Any]]:
    """Lists short enough for one query."""
    for start in range(0, len(some), 500):
        yield some[start : start + 500]
