"""The dry run of some rows: what each would change from what to what, and everything that is wrong with it.

Reads only. What changes nothing is never judged: a cell that says what an export of the asset says is right as it stands.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from registry.access.actors import Action, Actor
from registry.assets import values
from registry.assets.columns import CUSTOM, Column, Kind
from registry.assets.custom import own_value
from registry.assets.models import KEY_CHARS, Asset
from registry.assets.services import identify, kind_of
from registry.assets.tags import CHARS as TAG_CHARS
from registry.assets.tags import MOST as MAX_TAGS
from registry.importing.codes import split_codes, split_words
from registry.importing.facts import MAX_CODES, Facts
from registry.importing.lookups import Lookups, Missing, Named
from registry.importing.meaning import Meaning, NotThere
from registry.importing.options import Options
from registry.importing.plans import Code, Plan, Wrong, conclude, for_people, stored
from registry.importing.rules import Rules
from registry.importing.whose import Found, Meant, Owner, Whose
from registry.problems import Invalid, Problem
from registry.tables.damage import error_value
from registry.tables.table import WHOLE_ROW, Row, shown
from registry.tables.writing import text_of
from registry.texts import line

NEVER_CLEARED: Final = frozenset(["asset_no", "identifiers", "tags", "parent"])
REFERENCES: Final = frozenset(["label", "category", "model", "home_location", "cost_center", "supplier"])


class Planner:
    """Plans the rows of one file for one person. `columns`: those of the file that are imported, from 0."""

    def __init__(self, *, by: Actor, columns: Mapping[int, Column], facts: Facts, options: Options, lookups: Lookups) -> None:
        self._by, self._columns, self._options, self._lookups = by, dict(columns), options, lookups
        self._meaning = Meaning(facts, options, lookups, makes=by.may_everywhere(Action.EDIT))
        self._whose = Whose(by=by, columns=columns, options=options, lookups=lookups)
        self._rules = Rules(by=by, columns=columns, lookups=lookups)
        self._at = {column.key: at for at, column in columns.items()}

    def plan(self, rows: Sequence[Row]) -> list[Plan]:
        """One plan a row, in the same order. A handful of queries, however many rows."""
        found = self._whose.find(rows)
        for one in found.meant:
            self._problems_of_the_file(one.row, one.plan)
            self._compare(one, found)
            conclude(one.plan, self._options)
        return [one.plan for one in found.meant]

    def _problems_of_the_file(self, row: Row, plan: Plan) -> None:
        for problem in row.problems:
            if problem.column == WHOLE_ROW or problem.column in self._columns:
                plan.wrong.append(Wrong(problem.column, problem.value, problem.reason))

    def _compare(self, one: Meant, found: Found) -> None:
        plan, chosen = one.plan, dict[str, Any]()
        for at, column in self._columns.items():
            text = one.row.cells[at]
            now = self._shown(plan.asset, column)
            if text == now or (not text.strip() and not (now and self._options.clear and column.key not in NEVER_CLEARED)):
                continue
            try:
                self._cell(one, at, column, now, chosen, found)
            except NotThere as exc:
                plan.missing.append(exc.missing)
                plan.wrong.append(Wrong(at, shown(text), exc.text))
            except Problem as exc:
                plan.wrong.append(Wrong(at, shown(text), exc.text.removeprefix(f"{exc.field}: ")))
        if plan.asset is None and "name" not in chosen and not any(self._at.get("name") == wrong.column for wrong in plan.wrong):
            plan.wrong.append(Wrong(self._at.get("name", WHOLE_ROW), "", "a new asset needs a name"))
        if not plan.wrong and (plan.values or plan.asset is None):
            self._rules.hold(plan, chosen)

    def _shown(self, asset: Asset | None, column: Column) -> str:
        """What an export shows the person of it."""
        if asset is None:
            return ""
        home = asset.home_location if column.key == "home_location" else None
        hidden = home is not None and not self._by.sees_place(home.path)
        return "" if hidden else text_of(column.show(asset, self._lookups.around))

    def _cell(self, one: Meant, at: int, column: Column, now: str, chosen: dict[str, Any], found: Found) -> None:
        """Note what one cell changes. Raises Invalid."""
        plan, text = one.plan, one.row.cells[at]
        match column.kind:
            case Kind.CODES:
                self._new_codes(one, at, found.owners)
            case Kind.TAGS:
                _new_tags(plan, text, now)
            case Kind.CUSTOM:
                self._own_field(one.row, plan, at, column)
            case _ if column.key == "parent":
                _into(plan, found.parents.get(text.strip()), now)
            case _:
                value = self._meaning.read(column, at, one.row) if text.strip() else _cleared(column.key)
                if plan.asset is None or not _same(plan.asset, column.key, value):
                    if isinstance(value, Named) and value.id in self._lookups.retired:
                        raise Invalid("is not offered any more; choose another")
                    chosen[column.key] = value
                    plan.wants(column.key, stored(value), now, for_people(value))
                    if isinstance(value, Missing):
                        plan.missing.append(value)

    def _new_codes(self, one: Meant, at: int, owners: Mapping[str, Owner]) -> None:
        plan, row = one.plan, one.row
        codes = [code for code in one.codes if code.at == at]
        texts = split_codes(row.cells[at])
        if len(texts) > MAX_CODES:
            raise Invalid(f"{len(texts)} codes; {MAX_CODES} at most in one cell")
        for text in texts:
            if not any(code.text == text for code in codes):
                identify(text)  # says what is wrong with it
        own = {code.key for code in plan.asset.identifiers.all() if code.state == "active"} if plan.asset is not None else set()
        for code in codes:
            if code.found.key not in own:
                self._new_code(plan, row, code, owners.get(code.found.key))

    def _new_code(self, plan: Plan, row: Row, code: Code, owner: Owner | None) -> None:
        if (reason := error_value(code.text)) is not None:
            raise Invalid(reason)
        if "identifiers" not in self._options.trust:
            self._meaning.must_be_whole(code.text, code.at, row.kind(code.at))
        if owner is not None:
            raise Invalid(_owner_in_words(owner))
        text = line(code.text, field="identifiers", most=KEY_CHARS)
        added = [*plan.values.get("identifiers", []), [code.found.key, text, str(kind_of(code.text, code.found))]]
        plan.wants("identifiers", added, "", "; ".join(f"+ {key}" for key, *_ in added))

    def _own_field(self, row: Row, plan: Plan, at: int, column: Column) -> None:
        field = self._lookups.custom[column.key.removeprefix(CUSTOM)]
        if row.cells[at].strip():
            value = self._meaning.read(column, at, row)
        else:
            own_value(field, "")  # says so if it is needed
            value = ""
        kept = plan.asset.custom_values.all() if plan.asset is not None else ()
        now = next((str(one.text) for one in kept if one.field_id == field.pk), "")
        if value != now:
            plan.wants(column.key, value, now, value)


def _new_tags(plan: Plan, text: str, now: str) -> None:
    own = {word.lower() for word in split_words(now)}
    added: list[str] = list(plan.values.get("tags", []))
    own |= {word.lower() for word in added}
    for word in split_words(text)[: MAX_TAGS + 1]:
        if word.lower() not in own:
            own.add(word.lower())
            added.append(line(word, field="tags", most=TAG_CHARS))
    if len(own) > MAX_TAGS:
        raise Invalid(f"{MAX_TAGS} tags at most")
    if added:
        plan.wants("tags", added, now, "; ".join(f"+ {word}" for word in added))


def _into(plan: Plan, container: Asset | None, now: str) -> None:
    if container is None:
        raise Invalid("there is no asset of this number")
    if plan.asset is not None and container.pk == plan.asset.pk:
        raise Invalid("an asset cannot lie in itself")
    plan.wants("parent", str(container.pk), now, str(container.asset_no))


def _owner_in_words(owner: Owner) -> str:
    if not owner.seen:
        return "taken"
    return f"asset {Asset.objects.values_list('asset_no', flat=True).get(pk=owner.asset)} has it"


def _same(asset: Asset, key: str, value: Any) -> bool:
    if isinstance(value, Named):
        return bool(getattr(asset, f"{key}_id") == value.id)
    return not isinstance(value, Missing) and bool(getattr(asset, key) == value)


def _cleared(key: str) -> Any:
    """What a field is without a value. Raises Invalid."""
    if key in REFERENCES:
        return None
    return values.checked(key, "")
