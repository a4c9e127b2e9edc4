"""What a row measures beside its verdict: one number with its unit, and the target that it is held against where there is one."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`below`: the target, where there is one."""

    what: str
    value: float
    unit: str = "s"
    below: float | None = None

    @property
    def missed(self) -> bool:
        return self.below is not None and self.value >= self.below

    def __str__(self) -> str:
        target = f" (target < {_shown(self.below)})" if self.below is not None else ""
        return f"{self.what} {_shown(self.value)} {self.unit}".rstrip() + target + (": MISSED" if self.missed else "")

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"value": round(self.value, 3)}


Figures = tuple[Figure, ...]


def p99(values: Sequence[float]) -> float:
    """The nearest-rank percentile; of fewer than a hundred values it is the worst."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
