"""What cells name: categories, places, models, suppliers, cost centres and words, each by all the ways people write it.

Read once per process and import; only what the person may see can be named.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models.functions import Length

from registry.access.actors import Actor
from registry.assets.columns import JOINT, Around, category_paths, model_name
from registry.assets.lifespan import MONTHS
from registry.assets.models import (
    Asset,
    AssetModel,
    Category,
    CostCenter,
    CustomField,
    Location,
    StatusLabel,
    Supplier,
    Tag,
)
from registry.assets.values import CHECKS
from registry.problems import Invalid

MAX_DEPTH: Final = 20
WHAT: Final = {
    "category": "category", "home_location": "place", "supplier": "supplier", "model": "model", "cost_center": "cost centre",
    "label": "status label",
}  # fmt: skip


class Named(NamedTuple):
    """Something a cell may name. `path` is its place in its tree."""

    id: UUID
    name: str  # as an export shows it
    path: str | None = None


class Missing(NamedTuple):
    """What a cell names and the registry does not have; made when the import is written. `names`: on the way to it."""

    field: str
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        return JOINT.join(self.names)


class Names:
    """Things by what they are called. Exactly written wins; else case and blanks do not count, unless two then look alike."""

    def __init__(self) -> None:
        self._exact: dict[str, Named] = {}
        self._folded: dict[str, Named | None] = {}

    def add(self, one: Named, *texts: str) -> None:
        for text in texts:
            self._exact.setdefault(text, one)
            other = self._folded.setdefault(folded(text), one)
            if other is not None and other.id != one.id:
                self._folded[folded(text)] = None

    def find(self, text: str) -> Named | None:
        """Raises Invalid where several are meant."""
        if (found := self._exact.get(text)) is not None:
            return found
        bare = folded(text)
        if bare in self._folded and self._folded[bare] is None:
            raise Invalid("several are called so; write it exactly, or in full")
        return self._folded.get(bare)


@dataclass(slots=True)
class Lookups:
    names: dict[str, Names]  # by field
    labels: dict[UUID, StatusLabel]
    defaults: dict[str, dict[str, Any]]  # what a new asset starts with, by the category's path in its tree
    tags: dict[str, UUID]  # by name in lower case
    custom: dict[str, CustomField]
    around: Around
    zero_lengths: tuple[int, ...]  # how long the numbers are that begin with a zero
    category_path: dict[UUID, str]  # in the tree
    model_category: dict[UUID, Named]
    retired: set[UUID]  # words that stay where they stand and are offered no more
    months: dict[UUID, int]  # of use, by model, where it has some
    custom_under: dict[UUID, tuple[str, ...]]  # by field of one's own: the paths of its categories; none: all assets have it

    def defaults_of(self, category: UUID | None) -> dict[str, Any]:
        """What a new asset of this category starts with, by fields of values.CHECKS."""
        path = self.category_path.get(category) if category is not None else None
        return {name: value for name, value in self.defaults.get(path or "", {}).items() if name in CHECKS}

    def category_of(self, model: UUID) -> Named | None:
        """What things of this model are, where somebody has said so and the person may see it."""
        return self.model_category.get(model)

    def lasts_months(self, model: UUID | None, category_path: str | None) -> int | None:
        """How long a thing of this model and category is used, as lifespan.replaced_on has it."""
        own = self.months.get(model) if model is not None else None
        return own if own is not None else self.defaults.get(category_path or "", {}).get(MONTHS)

    def has_field(self, field: CustomField, category_path: str | None) -> bool:
        """Do assets of this category have this field of the company's own?"""
        under = self.custom_under.get(field.pk, ())
        return not under or (category_path is not None and category_path.startswith(under))

    def path_of(self, category: "Named | Missing | None") -> str | None:
        """The path in the tree; of one that is to be made that of the lowest above it that is there."""
        if not isinstance(category, Missing):
            return category.path if category is not None else None
        for depth in range(len(category.names) - 1, 0, -1):
            if (above := self.names["category"].find(JOINT.join(category.names[:depth]))) is not None:
                return above.path
        return None

    def add_category(self, made: Category) -> None:
        """One that was made since; it has no defaults of its own."""
        self.category_path[made.pk] = made.path
        self.defaults[made.path] = self.defaults.get(made.path[: -made.steplen], {})

    def find(self, field: str, text: str) -> Named | Missing:
        """Raises Invalid."""
        found = self.names[field].find(text)
        if found is not None:
            return found
        parts = tuple(" ".join(part.split()) for part in text.split("/"))
        if field in ("category", "home_location", "model") and len(parts) > 1:
            if (found := self.names[field].find(JOINT.join(parts))) is not None:
                return found
        elif field not in ("category", "home_location"):
            parts = (" ".join(text.split()),)
        if len(parts) > (3 if field == "model" else MAX_DEPTH) or not parts[-1] or (field != "model" and not all(parts)):
            raise Invalid(f"is no {WHAT[field]} that can be made: names with / between them, {MAX_DEPTH} levels at most")
        return Missing(field, parts)


def folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def look_up(by: Actor) -> Lookups:
    names = {field: Names() for field in WHAT}
    categories: list[Category] = list(Category.objects.visible_to(by))
    every = category_paths(Category.objects.all())
    for category in categories:
        names["category"].add(Named(category.pk, every[category.path], category.path), every[category.path])
    _add_places(by, names["home_location"])
    known = {category.pk: Named(category.pk, every[category.path], category.path) for category in categories}
    model_category: dict[UUID, Named] = {}
    words: list[AssetModel | Supplier | CostCenter | StatusLabel] = []
    for model in AssetModel.objects.all():
        full = model_name(model)
        words.append(model)
        if model.category_id in known:
            model_category[model.pk] = known[model.category_id]
        names["model"].add(Named(model.pk, full), full, str(model), str(model.name))
    for supplier in Supplier.objects.all():
        words.append(supplier)
        names["supplier"].add(Named(supplier.pk, str(supplier.name)), str(supplier.name))
    for center in CostCenter.objects.all():
        words.append(center)
        names["cost_center"].add(Named(center.pk, str(center.code)), str(center.code), str(center))
    labels = {label.pk: label for label in StatusLabel.objects.all()}
    for label in labels.values():
        words.append(label)
        names["label"].add(Named(label.pk, str(label.name)), str(label.name))
    custom = {one.key: one for one in CustomField.objects.prefetch_related("categories")}
    numbers = Asset.objects.filter(asset_no__startswith="0").order_by().annotate(chars=Length("asset_no"))
    return Lookups(
        names=names,
        labels=labels,
        defaults=_defaults(Category.objects.all()),
        tags={str(tag.name).lower(): tag.pk for tag in Tag.objects.all()},
        custom=custom,
        around=Around(every, None, custom),
        model_category=model_category,
        retired={word.pk for word in words if not word.active},
        months={model.pk: model.replace_after_months for model in AssetModel.objects.all() if model.replace_after_months},
        custom_under={one.pk: tuple(str(node.path) for node in one.categories.all()) for one in custom.values()},
        category_path={category.pk: category.path for category in categories},
        zero_lengths=tuple(numbers.values_list("chars", flat=True).distinct()[:20]),
    )


def _add_places(by: Actor, names: Names) -> None:
    """A place is known by its code and by its path of names; shown as its code."""
    paths: dict[str, str] = {}
    for place in Location.objects.all():
        above = paths.get(place.path[: -place.steplen])
        paths[place.path] = f"{above}{JOINT}{place.name}" if above else str(place.name)
    places: list[Location] = list(Location.objects.visible_to(by))
    for place in places:  # codes first: they are unique
        names.add(Named(place.pk, str(place.code), place.path), str(place.code))
    for place in places:
        names.add(Named(place.pk, str(place.code), place.path), paths[place.path])


def _defaults(categories: Iterable[Category]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for node in categories:
        found[node.path] = found.get(node.path[: -node.steplen], {}) | dict(node.defaults)
    return found
