"""Where on a floor plan the assets of a room are drawn: single dots while they are few, else one circle for each age. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

from registry.tracking.ages import DAYS, HOURS, MINUTES, WEEKS

AGES: Final = (MINUTES, HOURS, DAYS, WEEKS)
MOST_DOTS: Final = 24  # of one room; more become circles with a number
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Dot:
    """`number` assets of one age. Places are percents of the plan's width and height."""

    x: float
    y: float
    age: str
    number: int


@dataclass(frozen=True, slots=True)
class Room:
    points: str  # of an SVG polygon
    label_x: float
    label_y: float
    dots: list[Dot]


def room(corners: Sequence[Sequence[float]], ages: Counter[str], width: float, height: float) -> Room:
    """`width` and `height` are the plan's, in pixels, which everything is drawn in."""
    points = [(x * width, y * height) for x, y in corners]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    total = sum(ages.values())
    if 0 < total <= MOST_DOTS:
        wanted = [(age, 1) for age in AGES for _ in range(ages[age])]
    else:
        wanted = [(age, ages[age]) for age in AGES if ages[age]]
    spots = inside(points, len(wanted)) if wanted else []
    dots = [Dot(round(x, 1), round(y, 1), age, number) for (x, y), (age, number) in zip(spots, wanted, strict=True)]
    return Room(
        " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        round(left, 1),
        round(top, 1),
        dots if right > left and bottom > top else [],
    )


def inside(points: Sequence[Point], count: int) -> list[Point]:
    """So many spots in the polygon, spread over it evenly; where it is too thin for that they share the middle."""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    for finer in (1, 2, 4, 8):
        across = max(1, ceil(sqrt(count * finer * max(right - left, 1) / max(bottom - top, 1))))
        down = max(1, ceil(count * finer / across))
        spots = [
            (left + (right - left) * (n + 0.5) / across, top + (bottom - top) * (m + 0.5) / down)
            for m in range(down)
            for n in range(across)
        ]
        within = [spot for spot in spots if is_inside(points, spot)]
        if len(within) >= count:
            step = len(within) / count
            return [within[int((n + 0.5) * step)] for n in range(count)]
    middle = (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
    return [middle] * count


def is_inside(points: Sequence[Point], spot: Point) -> bool:
    """By how many sides a ray to the right crosses."""
    x, y = spot
    crossed = False
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            crossed = not crossed
    return crossed
