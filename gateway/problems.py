"""Reads gateway.toml and names everything that is wrong with it at once: which key, what is wrong, what to do.

`read` never raises. Shape is checked by the models of settings.py, what spans sections by `crossing.py`.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway import crossing
from gateway.settings import ReaderSection, Settings, StatusSection

EXAMPLE = "config/gateway.toml shows every setting"
MAX_FILE_BYTES = 1_000_000
DEFAULT_STATUS = StatusSection()


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for a person: `gateway.toml: readers.dock-1.url: what is wrong; what to do`."""

    file: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.text}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading the file: `settings` is None exactly when there are problems. Warnings stop nothing.

    `status` is where a page about the problems may stand: what the file says of it, or else the default. `readers` are the
    readers as far as they can be made out, for their drivers to look at, whatever else is wrong.
    """

    settings: Settings | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    status: StatusSection = DEFAULT_STATUS
    readers: tuple[ReaderSection, ...] = ()


def read(path: Path) -> Reading:
    """Read and check the file. Paths in it count from its own folder."""
    try:
        text = _text_of(path)
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        return Reading(None, (_unreadable(path, exc),))
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        return Reading(None, (_bad_syntax(path, exc),))
    return check(raw, path)


def check(raw: Mapping[str, Any], path: Path) -> Reading:
    """Check what stands in the file at `path`, already parsed."""
    settings: Settings | None = None
    problems: list[Problem] = []
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as exc:
        problems += [Problem(path.name, _key(error["loc"], raw), _in_words(error)) for error in exc.errors()]
    found = crossing.check(raw)
    problems += [Problem(path.name, key, text) for key, text in found.problems]
    warnings = tuple(Problem(path.name, key, text) for key, text in found.warnings)
    if settings is None or problems:
        return Reading(None, tuple(dict.fromkeys(problems)), warnings, _status(raw), _readers(raw))
    counted = settings.counted_from(path.parent)
    return Reading(counted, (), warnings, readers=tuple(counted.readers))


def _readers(raw: Mapping[str, Any]) -> tuple[ReaderSection, ...]:
    listed = raw.get("readers")
    found = []
    for section in listed if isinstance(listed, list) else []:
        known = (
            {key: section[key] for key in ReaderSection.model_fields if key in section} if isinstance(section, Mapping) else {}
        )
        shaped = all(isinstance(known.get(key), str) for key in ("name", "driver", "url"))
        if shaped and isinstance(known.get("options", {}), dict):
            found.append(ReaderSection.model_construct(**known))
    return tuple(found)


def _status(raw: Mapping[str, Any]) -> StatusSection:
    found = raw.get("status")
    known = {key: found[key] for key in StatusSection.model_fields if key in found} if isinstance(found, Mapping) else {}
    try:
        return StatusSection.model_validate(known)
    except ValidationError:
        return DEFAULT_STATUS


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" or, when nothing is near, all that are known."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"the keys here are {', '.join(known)}"


def _text_of(path: Path) -> str:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def _unreadable(path: Path, exc: Exception) -> Problem:
    if isinstance(exc, FileNotFoundError):
        return Problem(path.name, "file", f"there is no {path}; name it with -c; {EXAMPLE}")
    if isinstance(exc, PermissionError):
        return Problem(path.name, "file", f"user {os.getuid()} may not read {path}; give it to the user the gateway runs as")
    if isinstance(exc, UnicodeDecodeError):
        return Problem(path.name, "file", f"byte {exc.start} is not UTF-8; save the file as UTF-8")
    return Problem(path.name, "file", f"cannot be read: {exc}; {EXAMPLE}")


def _bad_syntax(path: Path, exc: tomllib.TOMLDecodeError) -> Problem:
    text, _, place = str(exc).partition(" (at ")
    return Problem(path.name, place.rstrip(")") or "syntax", f"{text[:1].lower()}{text[1:]}; {EXAMPLE}")


def _key(loc: Sequence[str | int], raw: object) -> str:
    """Return the way to a key, with a section of a list called by its name: ("readers", 0, "url") is `readers.dock-1.url`."""
    parts: list[str] = []
    for step in loc:
        raw = _at(raw, step)
        if isinstance(step, int):
            name = raw.get("name") if isinstance(raw, Mapping) else None
            parts.append(name if isinstance(name, str) and name else f"#{step + 1}")
        else:
            parts.append(step)
    return ".".join(parts)


def _at(raw: object, step: str | int) -> object:
    if isinstance(raw, Mapping):
        return raw.get(step)
    if isinstance(raw, list) and isinstance(step, int) and step < len(raw):
        return raw[step]
    return None


def _in_words(error: ErrorDetails) -> str:
    loc, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(str(loc[-1]), _keys(_model_at(loc[:-1])))}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    remedy = _remedy(loc)
    if kind == "missing":
        return f"missing; {remedy}"
    said = error["msg"].replace("Input should be", "should be").removeprefix("List ").removeprefix("String ")
    what = "is not allowed here" if kind == "string_pattern_mismatch" else said
    return f"{_short(error['input'])} {what}; {remedy}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _remedy(loc: Sequence[str | int]) -> str:
    """Return the description of the field at `loc`: what a person has to write there."""
    names = [i for i, step in enumerate(loc) if isinstance(step, str)]
    for end in reversed(names):
        model = _model_at(loc[:end])
        field = _field(model, str(loc[end])) if model is not None else None
        if field is not None and field.description:
            return f"write {field.description}"
    return EXAMPLE


def _model_at(loc: Sequence[str | int]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Settings
    for step in loc:
        if isinstance(step, int):
            continue
        field = _field(model, step) if model is not None else None
        model = _section_in(field.annotation) if field is not None else None
    return model


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)


def _section_in(annotation: object) -> type[BaseModel] | None:
    inner = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [f.alias or name for name, f in model.model_fields.items()] if model is not None else []
