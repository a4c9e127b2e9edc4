"""The options of a reader, from the configuration to a checked struct. Every problem is named at once."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from drivers.api import ReaderMisconfigured

T = TypeVar("T", bound=msgspec.Struct)


def read_options(options: Mapping[str, object], into: type[T]) -> T:
    """Return the options as an `into`. Raises ReaderMisconfigured with a line per problem: key, what is wrong, what is right."""
    known = {field.name: field for field in msgspec.structs.fields(into)}
    problems = []
    values: dict[str, object] = {}
    for key, value in options.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"this driver knows {', '.join(sorted(known))}"
            problems.append(f"options.{key}: unknown key; {hint}")
            continue
        try:
            values[key] = msgspec.convert(value, known[key].type)
        except msgspec.ValidationError as exc:
            problems.append(_wrong(key, value, known[key].type, str(exc)))
    if not problems:
        try:
            return into(**values)
        except (TypeError, ValueError) as exc:
            problems.append(f"options: {exc}")
    raise ReaderMisconfigured("\n".join(problems))


def _wrong(key: str, value: object, wanted: object, why: str) -> str:
    """Say it in our words: msgspec's read "Expected `int` >= 1 - at `$[0]`" or "Invalid enum value 'x'"."""
    why, _, path = why.replace("`", "").partition(" - at $")
    choices = sorted(_choices(wanted))
    if why.startswith("Invalid enum value") and choices:
        why = f"expected one of {', '.join(choices)}"
    return f"options.{key}{path}: {why[0].lower()}{why[1:]}; it is {value!r}"


def _choices(wanted: object) -> Iterator[str]:
    for part in typing.get_args(wanted):
        if isinstance(part, str):
            yield part
        else:
            yield from _choices(part)
