"""Where one asset has been, as bars on lanes: pure geometry in percent, so that the picture fits a desk and a phone alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_LANES = 8
LEAST_BAR = 0.6  # percent; a stay of a second can still be seen and pointed at

SPANS: dict[str, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
_STEPS = [timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 180, 360, 720)] + [
    timedelta(days=d) for d in (1, 2, 7, 14, 30, 91, 182, 365)
]
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Span:
    """One stay as the picture needs it; `until` is None while it lasts."""

    place: str
    place_id: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    width: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Lane:
    place: str
    place_id: str
    y: int
    bar_y: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    at: datetime
    with_date: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    height: int
    axis_y: int
    start: datetime
    end: datetime
    hidden_places: int  # lanes left out because there are more than fit


LANE_PX = 42
BAR_FROM_PX = 20  # below the name of the place
AXIS_PX = 24


def fitting_span(stays: Sequence[Span], now: datetime) -> str:
    """Return the shortest span that still shows the last six stays, or "year"."""
    earliest = min((s.since for s in sorted(stays, key=lambda s: s.since)[-6:]), default=now)
    return next((name for name, length in SPANS.items() if now - earliest <= length), "year")


def draw(stays: Iterable[Span], now: datetime, length: timedelta) -> Drawing:
    """Lanes in the order the places were last stayed in, newest first."""
    start = now - length
    shown = sorted((s for s in stays if (s.until or now) >= start), key=lambda s: s.since, reverse=True)
    places = dict.fromkeys((s.place_id, s.place) for s in shown)
    lanes = []
    for row, (place_id, place) in enumerate(list(places)[:MAX_LANES]):
        bars = tuple(_bar(s, start, now) for s in shown if s.place_id == place_id)
        lanes.append(Lane(place, place_id, row * LANE_PX, row * LANE_PX + BAR_FROM_PX, bars))
    return Drawing(
        lanes=tuple(lanes),
        ticks=tuple(_ticks(start, now)),
        height=len(lanes) * LANE_PX + AXIS_PX,
        axis_y=len(lanes) * LANE_PX,
        start=start,
        end=now,
        hidden_places=max(0, len(places) - MAX_LANES),
    )


def _bar(stay: Span, start: datetime, end: datetime) -> Bar:
    left = _percent(max(stay.since, start), start, end)
    right = _percent(min(stay.until or end, end), start, end)
    width = max(right - left, LEAST_BAR)
    return Bar(x=f"{min(left, 100 - width):.2f}%", width=f"{width:.2f}%", since=stay.since, until=stay.until)


def _ticks(start: datetime, end: datetime) -> Iterable[Tick]:
    """Round times inside the span, in the zone that `start` is in."""
    step = next((s for s in _STEPS if (end - start) / s <= _MOST_TICKS), _STEPS[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + step * ((start - midnight) // step + 1)
    while at < end:
        place = _percent(at, start, end)
        if 3 <= place <= 97:
            yield Tick(x=f"{place:.2f}%", at=at, with_date=step >= timedelta(days=1) or (at.hour, at.minute) == (0, 0))
        at += step


def _percent(at: datetime, start: datetime, end: datetime) -> float:
    return 100 * ((at - start) / (end - start))
