"""The map: Mercator's projection, what of it is shown, and points that lie too close drawn as one. Pure.

Lengths are pixels at a zoom, where the world is 256 * 2**zoom wide, as every tile server counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asinh, atan, cos, degrees, floor, log10, pi, radians, sinh, tan
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 560
MOST_ZOOM: Final = 18
LEAST_ZOOM: Final = 1
EDGE: Final = 85.0511  # degrees of latitude at which the square world ends
TILE: Final = 256
CLOSE: Final = 30.0  # pixels
LINES_APART: Final = 100  # pixels at least
STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 90)  # degrees
METRES_AROUND: Final = 40_075_016.7


@dataclass(frozen=True, slots=True)
class View:
    """Degrees of the middle, and a zoom."""

    latitude: float
    longitude: float
    zoom: int

    def at(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Where that is on the picture."""
        x, y = project(latitude, longitude, self.zoom)
        cx, cy = project(self.latitude, self.longitude, self.zoom)
        return WIDTH / 2 + x - cx, HEIGHT / 2 + y - cy

    def moved(self, right: float, down: float) -> "View":
        cx, cy = project(self.latitude, self.longitude, self.zoom)
        world = TILE * 2**self.zoom
        latitude, longitude = unproject((cx + right) % world, min(max(cy + down, 0), world), self.zoom)
        return View(latitude, longitude, self.zoom)

    def zoomed(self, steps: int) -> "View":
        return View(self.latitude, self.longitude, min(max(self.zoom + steps, LEAST_ZOOM), MOST_ZOOM))

    @property
    def query(self) -> str:
        return f"?lat={self.latitude:.5f}&lon={self.longitude:.5f}&z={self.zoom}"


@dataclass(frozen=True, slots=True)
class Marker:
    """Something with coordinates. `age` is a class of the stylesheet."""

    latitude: float
    longitude: float
    name: str
    url: str
    age: str
    is_place: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """One marker, or several that lie too close: then `number`, and `query` leads nearer."""

    x: float
    y: float
    marker: Marker
    number: int
    query: str


@dataclass(frozen=True, slots=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Tile:
    x: float
    y: float
    url: str


def project(latitude: float, longitude: float, zoom: int) -> tuple[float, float]:
    world = TILE * 2**zoom
    bounded = min(max(latitude, -EDGE), EDGE)
    return (longitude + 180) / 360 * world, (1 - asinh(tan(radians(bounded))) / pi) / 2 * world


def unproject(x: float, y: float, zoom: int) -> tuple[float, float]:
    """Degrees of latitude and longitude."""
    world = TILE * 2**zoom
    return degrees(atan(sinh(pi * (1 - 2 * y / world)))), x / world * 360 - 180


def fitting(markers: Sequence[Marker]) -> View:
    """The nearest view that shows all of them with some room around; the world without any."""
    if not markers:
        return View(20.0, 0.0, 1)
    lats, lons = [m.latitude for m in markers], [m.longitude for m in markers]
    for zoom in range(15, LEAST_ZOOM, -1):
        left, top = project(max(lats), min(lons), zoom)
        right, bottom = project(min(lats), max(lons), zoom)
        if right - left <= WIDTH - 160 and bottom - top <= HEIGHT - 160:
            latitude, longitude = unproject((left + right) / 2, (top + bottom) / 2, zoom)
            return View(latitude, longitude, zoom)
    return View((max(lats) + min(lats)) / 2, (max(lons) + min(lons)) / 2, LEAST_ZOOM)


def drawn(view: View, markers: Sequence[Marker]) -> list[Drawn]:
    """Those in the picture; each within CLOSE of the first one of a group joins it."""
    groups: list[tuple[float, float, list[Marker]]] = []
    buckets: dict[tuple[int, int], list[int]] = {}
    for marker in markers:
        x, y = view.at(marker.latitude, marker.longitude)
        if not (-CLOSE <= x <= WIDTH + CLOSE and -CLOSE <= y <= HEIGHT + CLOSE):
            continue
        bucket = (floor(x / CLOSE), floor(y / CLOSE))
        near = (n for dx in (-1, 0, 1) for dy in (-1, 0, 1) for n in buckets.get((bucket[0] + dx, bucket[1] + dy), ()))
        for n in near:
            gx, gy, group = groups[n]
            if (gx - x) ** 2 + (gy - y) ** 2 <= CLOSE**2:
                group.append(marker)
                break
        else:
            buckets.setdefault(bucket, []).append(len(groups))
            groups.append((x, y, [marker]))
    found = []
    for x, y, group in groups:
        first = group[0]
        nearer = View(first.latitude, first.longitude, min(view.zoom + 3, MOST_ZOOM)).query if len(group) > 1 else ""
        found.append(Drawn(round(x, 1), round(y, 1), first, len(group), nearer))
    return found


def graticule(view: View) -> list[Line]:
    """Meridians and parallels, at round steps."""
    step = next((s for s in STEPS if s / 360 * TILE * 2**view.zoom >= LINES_APART), STEPS[-1])
    digits = 0 if step >= 1 else 3 if step < 0.01 else 2 if step < 0.1 else 1
    left_top, right_bottom = view.moved(-WIDTH / 2, -HEIGHT / 2), view.moved(WIDTH / 2, HEIGHT / 2)
    wide = WIDTH / (TILE * 2**view.zoom) * 360
    west = view.longitude - wide / 2
    lines = []
    first = floor(west / step) * step
    for n in range(int(wide / step) + 2):
        degree = first + n * step
        x = view.at(view.latitude, degree)[0]
        if -180 <= degree <= 180 and 0 <= x <= WIDTH:
            lines.append(
                Line(round(x, 1), 0, round(x, 1), HEIGHT, _degree(degree, "E", "W", digits), round(x + 4, 1), HEIGHT - 6)
            )
    north, south = left_top.latitude, right_bottom.latitude
    degree = floor(south / step) * step
    while degree <= north:
        y = view.at(degree, view.longitude)[1]
        if abs(degree) <= EDGE and 0 <= y <= HEIGHT:
            lines.append(Line(0, round(y, 1), WIDTH, round(y, 1), _degree(degree, "N", "S", digits), 4, round(y - 4, 1)))
        degree += step
    return lines


def scale(view: View) -> tuple[str, float]:
    """A round length and its pixels, at the middle of the picture."""
    metres_a_pixel = METRES_AROUND * cos(radians(view.latitude)) / (TILE * 2**view.zoom)
    most = metres_a_pixel * 160
    base = 10 ** floor(log10(most))
    metres = next(base * n for n in (5, 2, 1) if base * n <= most)
    return (f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"), round(metres / metres_a_pixel, 1)


def tiles(view: View, template: str) -> list[Tile]:
    """The pictures of a tile server that cover the view."""
    cx, cy = project(view.latitude, view.longitude, view.zoom)
    left, top, many = cx - WIDTH / 2, cy - HEIGHT / 2, 2**view.zoom
    return [
        Tile(
            round(column * TILE - left, 1),
            round(line * TILE - top, 1),
            template.replace("{z}", str(view.zoom)).replace("{x}", str(column % many)).replace("{y}", str(line)),
        )
        for line in range(max(floor(top / TILE), 0), min(floor((top + HEIGHT) / TILE), many - 1) + 1)
        for column in range(floor(left / TILE), floor((left + WIDTH) / TILE) + 1)
    ]


def _degree(degree: float, plus: str, minus: str, digits: int) -> str:
    return f"{abs(degree):.{digits}f}° {plus if degree > 0 else minus if degree < 0 else ''}".rstrip()
