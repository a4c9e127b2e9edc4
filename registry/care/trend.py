"""The drawing of how an asset has been: its scores over time, as the corners of a line. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH, HEIGHT, EDGE = 320, 72, 8
BEST: Final = 5


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    on: date
    score: int


@dataclass(frozen=True, slots=True)
class Trend:
    """`line` is for a polyline, `said` what it shows in words, `guides` the heights of the best, middle and worst score."""

    dots: tuple[Dot, ...]
    line: str
    said: str
    guides: tuple[float, ...]
    width: int = WIDTH
    height: int = HEIGHT


def draw(points: Sequence[tuple[date, int]]) -> Trend | None:
    """Of (day, score) in any order; None for less than two."""
    if len(points) < 2:
        return None
    points = sorted(points, key=lambda point: point[0])
    first, last = points[0], points[-1]
    days = max(1, (last[0] - first[0]).days)
    dots = tuple(
        Dot(
            round(EDGE + (WIDTH - 2 * EDGE) * (on - first[0]).days / days, 1),
            round(EDGE + (HEIGHT - 2 * EDGE) * (BEST - score) / (BEST - 1), 1),
            on,
            score,
        )
        for on, score in points
    )
    way = "got better" if last[1] > first[1] else "got worse" if last[1] < first[1] else "stayed the same"
    was, now = (f"{score} of 5 on {on:%-d %b %Y}" for on, score in (first, last))
    said = f"It {way}: from {was} to {now}, {len(dots)} times judged."
    return Trend(dots, " ".join(f"{dot.x},{dot.y}" for dot in dots), said, (EDGE, HEIGHT / 2, HEIGHT - EDGE))
