"""What is wrong with the settings, for people: file, key, what is wrong, what to do. All of it at once, never a traceback."""

import difflib
import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

EXAMPLE = "config/registry.toml shows every setting"


class Misconfigured(Exception):
    """A person has to change the settings. `problems` are lines like `registry.toml: web.port: what is wrong; what to do`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def unreadable(path: Path, exc: Exception) -> str:
    if isinstance(exc, FileNotFoundError):
        return f"{path.name}: file: there is no {path}; name it with -c; {EXAMPLE}"
    if isinstance(exc, PermissionError):
        return f"{path.name}: file: user {os.getuid()} may not read {path}; give it to the user the registry runs as"
    if isinstance(exc, UnicodeDecodeError):
        return f"{path.name}: file: byte {exc.start} is not UTF-8; save the file as UTF-8"
    return f"{path.name}: file: cannot be read: {exc}; {EXAMPLE}"


def bad_syntax(path: Path, exc: tomllib.TOMLDecodeError) -> str:
    text, _, place = str(exc).partition(" (at ")
    return f"{path.name}: {place.rstrip(')') or 'syntax'}: {text[:1].lower()}{text[1:]}; {EXAMPLE}"


def in_words(file: str, error: ErrorDetails, model: type[BaseModel], variable: Callable[[tuple[str, ...]], str | None]) -> str:
    """Return the line for one error of `model`. Values are not repeated: one of them may be a password in the wrong place."""
    loc = tuple(str(step) for step in error["loc"] if isinstance(step, str))
    if name := variable(loc):
        file = f"${name}"
    return f"{file}: {'.'.join(loc)}: {_text(error, model, loc)}"


def _text(error: ErrorDetails, model: type[BaseModel], loc: tuple[str, ...]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; {_nearest(loc[-1], _keys(_section(model, loc[:-1])))}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    section = _section(model, loc[:-1])
    field = section.model_fields.get(loc[-1]) if section is not None else None
    remedy = f"write {field.description}" if field is not None and field.description else EXAMPLE
    return f"{error['msg'].replace('Input should be', 'should be')}; {remedy}"


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"the keys here are {', '.join(sorted(known))}"


def _keys(model: type[BaseModel] | None) -> list[str]:
    return list(model.model_fields) if model is not None else []


def _section(model: type[BaseModel], loc: tuple[str, ...]) -> type[BaseModel] | None:
    here: type[BaseModel] | None = model
    for step in loc:
        field: FieldInfo | None = here.model_fields.get(step) if here is not None else None
        kind = field.annotation if field is not None else None
        here = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    return here
