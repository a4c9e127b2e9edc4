"""What a person decides about an import beyond the mapping. It is kept with the import and offered again for files like it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from registry.problems import Invalid
from registry.tables.amounts import Sign
from registry.tables.days import Order

MAKEABLE: Final = {
    "category": "categories",
    "home_location": "places",
    "supplier": "suppliers",
    "model": "models",
    "cost_center": "cost centres",
}


@dataclass(frozen=True, slots=True)
class Options:
    """`days` and `decimals`: how the file writes them; None: its columns decide. `clear`: an empty cell takes the value away.
    `make`: fields for which what is missing is made. `number`: rows with neither number nor code are new assets. `trust`: fields
    whose codes are right as they stand."""

    days: Order | None = None
    decimals: Sign | None = None
    clear: bool = False
    make: tuple[str, ...] = ()
    number: bool = False
    trust: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_options(given: Mapping[str, Any]) -> Options:
    """Raises Invalid."""
    if unknown := given.keys() - Options.__dataclass_fields__.keys():
        name = sorted(unknown)[0]
        raise Invalid(f"{name[:40]}: no option; there are {', '.join(Options.__dataclass_fields__)}", field="options")
    days, decimals = given.get("days") or None, given.get("decimals") or None
    if days not in (None, "dmy", "mdy"):
        raise Invalid("days: dmy or mdy", field="days")
    if decimals not in (None, ".", ","):
        raise Invalid("decimals: . or ,", field="decimals")
    for name in ("clear", "number"):
        if not isinstance(given.get(name, False), bool):
            raise Invalid(f"{name}: true or false", field=name)
    return Options(
        days=cast("Order | None", days),
        decimals=cast("Sign | None", decimals),
        clear=given.get("clear", False),
        make=_names("make", given.get("make", ()), tuple(MAKEABLE)),
        number=given.get("number", False),
        trust=_names("trust", given.get("trust", ()), None),
    )


def _names(option: str, given: Any, known: tuple[str, ...] | None) -> tuple[str, ...]:
    if (
        not isinstance(given, list | tuple)
        or not all(isinstance(one, str) and len(one) <= 60 for one in given)
        or len(given) > 100
    ):
        raise Invalid(f"{option}: a list of names", field=option)
    for one in given:
        if known is not None and one not in known:
            raise Invalid(f"{option}: {one[:40]!r} is not one of {', '.join(known)}", field=option)
    return tuple(dict.fromkeys(given))
