"""What fields of agreements, plans and orders may be, where several share it."""

from collections.abc import Callable, Mapping
from typing import Any

from registry.problems import Invalid, Problem, Several

Checks = Mapping[str, Callable[[str, Any], Any]]


def all_checked(given: Mapping[str, Any], checks: Checks) -> dict[str, Any]:
    """Raises Invalid, or Several with everything that is wrong."""
    chosen: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        try:
            if name not in checks:
                raise Invalid(f"{name}: cannot be changed", field=name)
            chosen[name] = checks[name](name, value)
        except Problem as problem:
            problems.append(problem)
    if problems:
        raise problems[0] if len(problems) == 1 else Several(problems)
    return chosen


def whole(most: int, *, least: int = 0) -> Callable[[str, Any], int | None]:
    """A whole number, or none."""

    def check(field: str, value: Any) -> int | None:
        if value is None or value == "":
            return None
        text = str(value).strip()
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise Invalid(f"{field}: a whole number from {least} to {most:,}", field=field)
        return int(text)

    return check
