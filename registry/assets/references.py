"""From ids in bodies to the rows they name: each kind in one query, whatever the number of bodies."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from registry.access.actors import Actor
from registry.assets.models import AssetModel, Category, CostCenter, Location, StatusLabel, Supplier
from registry.assets.schemas import AssetFields
from registry.problems import Invalid

FIELD_OF: Final = {
    "home": "home_location", "category": "category", "label": "label", "model": "model", "supplier": "supplier",
    "cost_center": "cost_center",
}  # fmt: skip
"""The name in a body to the field of the asset."""
_SCOPED: Final[Mapping[str, Any]] = {"home": Location, "category": Category}
_WORDS: Final[Mapping[str, Any]] = {
    "label": StatusLabel, "model": AssetModel, "supplier": Supplier, "cost_center": CostCenter,
}  # fmt: skip
_BESIDE: Final = frozenset({"id", "version", "custom", "tags", "identifiers"})
_TEXTS: Final = frozenset({"serial_no", "owner_org", "order_ref", "currency", "uom", "notes"})
_NEVER_NONE: Final = frozenset({"name", "asset_no", "kind", "status", "quantity", "criticality"})


class References:
    """All that these bodies name and `by` may see."""

    def __init__(self, by: Actor, bodies: Iterable[AssetFields]) -> None:
        wanted: dict[str, set[UUID]] = {name: set() for name in FIELD_OF}
        for body in bodies:
            for name, pks in wanted.items():
                if (pk := getattr(body, name)) is not None:
                    pks.add(pk)
        self._rows: dict[str, dict[UUID, Any]] = {}
        for name, pks in wanted.items():
            if not pks:
                self._rows[name] = {}
            elif name in _SCOPED:
                self._rows[name] = {row.pk: row for row in _SCOPED[name].objects.visible_to(by).filter(pk__in=pks)}
            else:
                related = ["category"] if name == "model" else []
                self._rows[name] = _WORDS[name].objects.select_related(*related).in_bulk(pks)

    def given(self, body: AssetFields) -> dict[str, Any]:
        """What the body says, by fields of values.CHECKS. A null where a value has to be counts as left out. Raises Invalid."""
        found: dict[str, Any] = {}
        for name in body.model_fields_set - _BESIDE:
            value = getattr(body, name)
            if name in FIELD_OF:
                if value is not None and value not in self._rows[name]:
                    raise Invalid(f"{name}: there is none with this id", field=name)
                found[FIELD_OF[name]] = self._rows[name][value] if value is not None else None
            elif value is not None or name not in _NEVER_NONE:
                found[name] = "" if value is None and name in _TEXTS else value
        return found
