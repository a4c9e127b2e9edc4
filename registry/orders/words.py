"""The arguments of an order as people type them: `reader=dock-3 pin=2 rules.lost_max_s=120`."""

import json
from collections.abc import Sequence
from typing import Any

from registry.problems import Invalid


def arguments_of(words: Sequence[str]) -> dict[str, Any]:
    """Return them by name: numbers are numbers, dots lead inside. Raises Invalid."""
    arguments: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        *folders, last = name.split(".")
        inside: Any = arguments
        for folder in folders:
            inside = inside.setdefault(folder, {}) if isinstance(inside, dict) else None
        if not equals or not last or not isinstance(inside, dict):
            raise Invalid(f"arguments: {word[:60]!r} should have the form name=value, like reader=dock-3", field="arguments")
        inside[last] = _value(value)
    return arguments


def in_words(arguments: dict[str, Any], before: str = "") -> str:
    """Return them as they are typed."""
    return " ".join(
        in_words(value, f"{before}{name}.") if isinstance(value, dict) else f"{before}{name}={_plain(value)}"
        for name, value in arguments.items()
    )


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, int | float | bool) else text
