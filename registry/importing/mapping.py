"""Which column of a file is which field: guessed from the header, remembered for files like it, said by the person."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from registry.access.actors import Actor
from registry.assets.column_names import names_of
from registry.assets.columns import Column, Kind, columns_of
from registry.assets.models import CustomField
from registry.importing.models import ImportJob
from registry.problems import Invalid
from registry.tables import headers

SEVERAL = frozenset(["identifiers", "tags"])  # may come from more than one column
KEYS = frozenset(["asset_no", "identifiers"])


def fields() -> dict[str, Column]:
    """What a column of a file may be, in the order in which it is offered."""
    return {key: one for key, one in columns_of(CustomField.objects.all()).items() if one.kind is not Kind.READ_ONLY}


def header_key(header: list[str]) -> str:
    """The same for all files with these columns in this order."""
    return sha256("\n".join(map(headers.bare, header)).encode()).hexdigest()


def guess(by: Actor, header: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Mapping and options: those of the last file with the same header, else what the header says."""
    known = columns_of(CustomField.objects.all())
    last = ImportJob.objects.visible_to(by).filter(header_key=header_key(header), confirmed_at__isnull=False).first()
    if last is not None:
        return {at: key for at, key in last.mapping.items() if key in known}, dict(last.options)
    names = names_of(known.values()) | {one.key: [] for one in known.values() if one.kind is Kind.READ_ONLY}
    found = headers.guess(header, names, SEVERAL)
    return {str(at): key for at, key in found.items() if known[key].kind is not Kind.READ_ONLY}, {}


def check(given: Mapping[str, Any], header: list[str], *, numbering: bool) -> dict[str, str]:
    """Return the mapping without columns that are left out. `numbering`: rows with neither number nor code are new assets, so
    neither has to be there. Raises Invalid."""
    known = fields()
    chosen: dict[str, str] = {}
    for at, key in given.items():
        if not (str(at).isascii() and str(at).isdecimal() and int(at) < len(header)):
            raise Invalid(f"mapping: the file has no column {str(at)[:20]!r}; they count from 0", field="mapping")
        if not key:
            continue
        if key not in known:
            raise Invalid(f"mapping: {str(key)[:60]!r} is no field", field="mapping")
        if key in chosen.values() and key not in SEVERAL:
            raise Invalid(f"mapping: {known[key].title} is given to two columns", field="mapping")
        chosen[str(int(at))] = key
    if not numbering and not KEYS & set(chosen.values()):
        raise Invalid(
            "mapping: one column has to be the number or the codes; or choose that rows without either are new assets",
            field="mapping",
        )
    return dict(sorted(chosen.items(), key=lambda one: int(one[0])))
