"""What the fields of a row say of each other and of the asset they are for: the same rules as services have for one asset.

Some add to the row: a new asset gets its category's defaults and its model's category, a computed day of replacement is computed
anew, a label that does not fit its state goes.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from registry.access.actors import Action, Actor
from registry.assets import values
from registry.assets.columns import CUSTOM, Column, Kind
from registry.assets.lifespan import months_later
from registry.assets.models import Asset, AssetModel
from registry.importing.lookups import Lookups, Missing, Named
from registry.importing.plans import Plan, Wrong, for_people, stored
from registry.problems import Problem
from registry.tables.table import WHOLE_ROW, shown


class Rules:
    def __init__(self, *, by: Actor, columns: Mapping[int, Column], lookups: Lookups) -> None:
        self._by, self._columns, self._lookups = by, dict(columns), lookups
        self._at = {column.key: at for at, column in columns.items()}

    def hold(self, plan: Plan, chosen: dict[str, Any]) -> None:
        """What fields say of each other, and whether the person may have an asset where this one would be."""
        if plan.asset is None:
            self._complete(plan, chosen)
        self._own_fields_fit(plan, chosen)
        now = _Values(plan.asset, self._with_defaults(plan, chosen), self._lookups)
        self._follow_life(plan, chosen, now)
        if "status" in chosen and "label" not in chosen and now["label"] is not None and now["label"].status != chosen["status"]:
            chosen["label"] = None
            plan.wants("label", None, str(now["label"]), "")
        try:
            values.agree(_Values(plan.asset, now.chosen | chosen, self._lookups))
        except Problem as exc:
            plan.wrong.append(Wrong(self._at.get(exc.field or "", WHOLE_ROW), "", exc.text.removeprefix(f"{exc.field}: ")))
        if (plan.asset is None or {"home_location", "category"} & chosen.keys()) and not self._may_be_there(plan, chosen):
            at = self._at.get("home_location", WHOLE_ROW)
            plan.wrong.append(Wrong(at, "", "your role does not allow this for that home and category"))

    def _complete(self, plan: Plan, chosen: dict[str, Any]) -> None:
        """What a new asset gets besides: its model's category. And what it needs: fields of one's own that the file has."""
        model = chosen.get("model")
        category = self._lookups.category_of(model.id) if isinstance(model, Named) and "category" not in chosen else None
        if category is not None:
            self._choose(plan, chosen, "category", category)
        for at, column in self._columns.items():
            if column.kind is Kind.CUSTOM and column.key not in plan.values:
                field = self._lookups.custom[column.key.removeprefix(CUSTOM)]
                if field.required and self._lookups.has_field(field, self._lookups.path_of(chosen.get("category"))):
                    plan.wrong.append(Wrong(at, "", "write something here"))

    def _own_fields_fit(self, plan: Plan, chosen: dict[str, Any]) -> None:
        category = plan.asset.category if plan.asset is not None else None
        path = self._lookups.path_of(chosen["category"]) if "category" in chosen else _path(category)
        for key, value in plan.values.items():
            if key.startswith(CUSTOM) and not self._lookups.has_field(self._lookups.custom[key.removeprefix(CUSTOM)], path):
                plan.wrong.append(Wrong(self._at[key], shown(value), "assets of this category have no such field"))

    def _follow_life(self, plan: Plan, chosen: dict[str, Any], now: "_Values") -> None:
        """The day of replacement, where nobody says one: computed anew if it was computed before."""
        names = ("in_service_on", "model", "category")
        if chosen.get("replace_on") is not None or ("replace_on" in chosen and plan.asset is not None):
            return
        if plan.asset is not None and not set(names) & chosen.keys():
            return
        before = _Values(plan.asset, {}, self._lookups)
        if plan.asset is not None and plan.asset.replace_on not in (None, self._replaced_on(before)):
            return
        day = self._replaced_on(_Values(plan.asset, now.chosen | chosen, self._lookups))
        if day != (plan.asset.replace_on if plan.asset is not None else None):
            self._choose(plan, chosen, "replace_on", day)

    def _replaced_on(self, values_now: "_Values") -> date | None:
        since, model, category = (values_now[name] for name in ("in_service_on", "model", "category"))
        path = self._lookups.path_of(category) if isinstance(category, Missing) else _path(category)
        model_id = model.id if isinstance(model, Named | AssetModel) else None
        months = self._lookups.lasts_months(model_id, path)
        return months_later(since, months) if since is not None and months else None

    def _choose(self, plan: Plan, chosen: dict[str, Any], key: str, value: Any) -> None:
        chosen[key] = value
        before = getattr(plan.asset, key) if plan.asset is not None else None
        plan.wants(key, stored(value), for_people(before), for_people(value))

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


def _path(one: Any) -> str | None:
    return getattr(one, "path", None)
