"""What people call the fields that the log of changes names by their keys, and the words that stand in them."""

from typing import Final

from registry.assets.columns import FIXED_TITLES
from registry.assets.custom import PREFIX
from registry.assets.models import CustomField

_TITLES: Final = {
    "accepted_as": "Accepted as", "active": "Offered", "allowed_ips": "Only from these networks", "arrived_at": "Arrived",
    "assets": "Assets", "at": "Where", "batch": "Handed out together", "code": "Code", "coordinates_at": "Coordinates of",
    "corners": "Corners of its outline", "count": "How many", "customer_no": "Customer number", "defaults": "Given to new assets",
    "due_at": "Due", "every": "How often", "expires_at": "Valid until", "from_at": "From", "gln": "GLN", "key": "Key",
    "location": "Place", "manufacturer": "Manufacturer", "merged_into": "Merged into", "metres_per_pixel": "Metres a pixel",
    "minimum": "At least", "moved": "Moved", "new_home": "Becomes their home", "note": "Note", "part_no": "Part number",
    "place": "Put at", "replace_after_months": "Replaced after so many months", "size": "Size in bytes", "target": "Filled up to",
    "to_at": "Until", "type": "Type", "zone_id": "Zone",
}  # fmt: skip
_OF_KIND: Final = {("location", "parent"): "Lies in", ("category", "parent"): "Under"}
# What stands in these is one of our own few words, like `in_stock`.
_CODED: Final = frozenset(("status", "kind", "state", "type", "scope", "criticality", "through", "every", "role"))


def titles_of_own(names: set[str]) -> dict[str, str]:
    """Of those names that are fields of one's own, what these are called."""
    keys = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
    if not keys:
        return {}
    return {f"{PREFIX}{key}": name for key, name in CustomField.objects.filter(key__in=keys).values_list("key", "name")}


def title(kind: str, name: str, own: dict[str, str]) -> str:
    """Of the field `name` of a thing of this kind; a field of one's own that is gone is called by its key."""
    if name in own:
        return own[name]
    known = _OF_KIND.get((kind, name)) or (FIXED_TITLES.get(name) if kind == "asset" else None)
    known = _TITLES[name] if name == "place" else known or _TITLES.get(name) or FIXED_TITLES.get(name)
    return known or name.removeprefix(PREFIX).replace("_", " ").capitalize()


def in_words(name: str, value: str) -> str:
    """`in_stock` -> in stock, where the field holds such words."""
    return value.replace("_", " ") if name in _CODED else value
